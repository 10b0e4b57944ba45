"""Reads finished runs: `results.json`, checked, with its metrics and pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxhash.errors import UserError
from jaxhash.runs import metrics_log
from jaxhash.runs.schema import mistake, number
from jaxhash.runs.workdir import RESULTS

PICTURES = ("retrieval.png", "attention.png")
AGAIN = "write it again with python -m jaxhash.main --mode=evaluate --workdir="


class Run(NamedTuple):
    """A finished run.

    label: name of its folder or file, with parent folders where two runs share it. results: the
    content of its `results.json`. rows: of its `metrics.jsonl`, oldest first. pictures: file name
    to path, of those that exist.
    """

    label: str
    results: dict
    rows: list[dict]
    pictures: dict[str, Path]


def read(paths: Sequence[str | Path]) -> list[Run]:
    """Reads runs, each a workdir or a JSON file like those in `results/`; duplicates are dropped.

    Raises:
      UserError: a path is neither, or its files are damaged.
    """
    files = list(dict.fromkeys(_results(Path(path).expanduser()) for path in paths))
    homes = [file.parent if file.name == RESULTS else file.with_suffix("") for file in files]
    return [_read(*pair) for pair in zip(_labels(homes), files, strict=True)]


def at_start(results: dict) -> dict | None:
    """Returns what a run measured at step 0, before training; None where it did not.

    Results of older versions may hold the first measurement that was logged, at whatever step.

    >>> at_start({"at_start": {"step": 0, "map": 0.1}})
    {'step': 0, 'map': 0.1}
    >>> at_start({"at_start": {"step": 500, "map": 0.4}}), at_start({"at_start": None})
    (None, None)
    """
    start = results.get("at_start")
    return start if start and start.get("step", 0) == 0 else None


def _results(path: Path) -> Path:
    """Returns the absolute path of the JSON file of a run."""
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; expected a workdir or a results.json")
        if path.is_dir() and not (path / RESULTS).exists():
            raise UserError(
                f"{path}: no {RESULTS} in it; not a workdir, or its run is not finished"
            )
    except (OSError, ValueError) as error:
        raise UserError(f"{str(path)!r}: {getattr(error, 'strerror', error)}") from None
    return (path / RESULTS if path.is_dir() else path).resolve()


def _labels(homes: list[Path]) -> list[str]:
    """Names each path by as many of its last parts as make the name unique.

    >>> _labels([Path("/runs/a"), Path("/old/b"), Path("/new/b")])
    ['a', 'old/b', 'new/b']
    """
    labels = []
    for home in homes:
        length = 1
        while sum(other.parts[-length:] == home.parts[-length:] for other in homes) > 1:
            length += 1
        labels.append("/".join(home.parts[-length:]))
    return labels


def _read(label: str, file: Path) -> Run:
    again = f"{AGAIN}{file.parent}" if file.name == RESULTS else "copy it again from its workdir"
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise UserError(f"{file}: damaged, this is not JSON; {again}") from None
    wrong = mistake(results)
    if wrong:
        raise UserError(f"{file}: {wrong}; not the results of a run, or damaged; {again}")
    if file.name != RESULTS:
        return Run(label, results, [], {})
    try:
        rows = metrics_log.read(file.parent)
    except (OSError, ValueError):
        raise UserError(
            f"{file.parent / metrics_log.METRICS}: damaged; delete it to go without"
        ) from None
    rows = [row for row in rows if isinstance(row, dict) and number(row.get("step"))]
    pictures = {name: file.parent / name for name in PICTURES}
    return Run(label, results, rows, {n: path for n, path in pictures.items() if path.is_file()})
