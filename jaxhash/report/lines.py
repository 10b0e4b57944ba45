"""Many runs as one CSV: a line for each, with its measures, settings and provenance."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from jaxhash.metrics.unseen import MEASURES
from jaxhash.report import table
from jaxhash.runs.results import Run

FIRST = ("name", "dataset", "protocol", "split_checksum", "bits", "seed", "weights", "steps")
PRECISION_AT = ("1", "10", "100", "1000")
OF_UNSEEN = tuple(f"{kind}_{measure}" for kind in ("map", "cosine_map") for measure in MEASURES)
OPTIONAL = ("held_out_map", "cosine_map", *OF_UNSEEN)
PROVENANCE = ("code", "hardware", "python", "date")


def csv_text(found: Sequence[Run]) -> str:
    """Writes a line for each run, numbers with six digits.

    Columns of measures that no run has are left out. After the measures come the settings that at
    least half of the runs have and in which these differ, under their names in the config.

    Args:
      found: runs.

    >>> run = {"name": "dah", "bits": 48, "map": 0.25, "provenance": {"code": "0.1.0"}}
    >>> print(csv_text([Run("a", run | {"seed": seed}, [], {}) for seed in (0, 1)]))
    name,bits,seed,map,code
    dah,48,0,0.25,0.1.0
    dah,48,1,0.25,0.1.0
    <BLANKLINE>
    """
    runs = [run.results for run in found]
    rows, settings = [_measures(run) for run in runs], [table.settings(run) for run in runs]
    differing = _differing(settings)
    for row, own in zip(rows, settings, strict=True):
        row |= {name: own.get(name) for name in differing}
    for row, run in zip(rows, runs, strict=True):
        row |= {name: run["provenance"].get(name) for name in PROVENANCE}
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)] if rows else []
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: _written(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _measures(run: dict) -> dict[str, Any]:
    low, high = run.get("map_interval", (None, None))
    at = run.get("precision_at", {})
    return {
        **{name: run.get(name) for name in FIRST},
        "map": run.get("map"),
        "map_at": run.get("map_at"),
        "map_low": low,
        "map_high": high,
        "map_index": run.get("map_index"),
        **{f"precision_at_{n}": at.get(n) for n in PRECISION_AT},
        "precision_at_radius_2": run.get("precision_at_radius_2"),
        **{name: run.get(name) for name in OPTIONAL},
        "train_images_per_second": run.get("train_images_per_second"),
    }


def _differing(settings: list[dict[str, Any]]) -> list[str]:
    """Lists the settings, but the name, that half of the runs have and in which these differ."""
    values: dict[str, list[Any]] = {}
    for own in settings:
        for name, value in own.items():
            values.setdefault(name, []).append(value)
    return [
        name
        for name, found in values.items()
        if name != "name" and 2 * len(found) >= len(settings) and any(x != found[0] for x in found)
    ]


def _written(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
