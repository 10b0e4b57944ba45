"""Finished runs off the disk: what `results.json` holds, checked, and what lies beside it."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxhash import writer
from jaxhash.errors import UserError
from jaxhash.workdir import RESULTS

PICTURES = ("retrieval.png", "attention.png")
AGAIN = "write it again with python -m jaxhash.main --mode=evaluate --workdir="


class Run(NamedTuple):
    """A finished run.

    label: its folder's or file's name, longer where two runs would share it. results: what its
    `results.json` holds. rows: of its `metrics.jsonl`, oldest first. pictures: file name to path,
    of those that are there.
    """

    label: str
    results: dict
    rows: list[dict]
    pictures: dict[str, Path]


def read(paths: Sequence[str | Path]) -> list[Run]:
    """Reads runs, each a workdir or a JSON file like those in `results/`; one given twice is once.

    Raises:
      UserError: a path is neither, or what it holds is damaged.
    """
    files = list(dict.fromkeys(_results(Path(path).expanduser()) for path in paths))
    homes = [file.parent if file.name == RESULTS else file.with_suffix("") for file in files]
    return [_read(*pair) for pair in zip(_labels(homes), files, strict=True)]


def _results(path: Path) -> Path:
    """Returns the whole path of the JSON file that a path stands for."""
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
    """Names each path by as many of its last parts as tell it from the others.

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
        rows = writer.read(file.parent)
    except (OSError, ValueError):
        raise UserError(
            f"{file.parent / writer.METRICS}: damaged; delete it to go without"
        ) from None
    rows = [row for row in rows if isinstance(row, dict) and number(row.get("step"))]
    pictures = {name: file.parent / name for name in PICTURES}
    return Run(label, results, rows, {n: path for n, path in pictures.items() if path.is_file()})


def number(value: Any) -> bool:
    """Says whether a value is a number that can be drawn.

    >>> number(0.5), number("0.5"), number(float("nan")), number(True)
    (True, False, False, False)
    """
    return type(value) in (int, float) and math.isfinite(value)


def mistake(results: Any) -> str | None:
    """Says in words what a `results.json` lacks that a report needs; None where it is sound.

    >>> mistake({"bits": "many"})
    'name is missing'
    """
    if not isinstance(results, dict):
        return "no JSON object"
    for name, holds in {**_NEEDED, **_OPTIONAL}.items():
        value = results.get(name)
        if value is None and name in _NEEDED:
            return f"{name} is missing"
        if value is not None and not holds(value):
            return f"{name} is {json.dumps(value)[:40]}"
    return None


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _share(value: Any) -> bool:
    return number(value) and 0 <= value <= 1


def _shares(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_share, value))


def _points(value: Any) -> bool:
    axes = [value.get("recall"), value.get("precision")] if _object(value) else [None]
    return all(map(_shares, axes)) and len(axes[0]) == len(axes[1])


def _provenance(value: Any) -> bool:
    names = ("code", "hardware", "python", "date")
    return _object(value) and all(_text(value.get(name)) for name in names)


_NEEDED = {
    **dict.fromkeys(("name", "dataset", "protocol", "split_checksum", "weights"), _text),
    **dict.fromkeys(("bits", "seed", "steps"), _whole),
    **dict.fromkeys(("map", "precision_at_radius_2"), _share),
    "precision_at": lambda at: (
        _object(at) and all(map(str.isdigit, at)) and _shares([*at.values()])
    ),
    "precision_recall": _points,
    "bit_balance": _shares,
    "provenance": _provenance,
    "config": _object,
}
_OPTIONAL = {
    "map_interval": lambda ends: _shares(ends) and len(ends) == 2,
    "map_at": _whole,
    "at_start": lambda start: _object(start) and _share(start.get("map")),
    "db_codes": _text,
    "codes_in_use": _whole,
    "encode_milliseconds_per_image": number,
    "train_images_per_second": number,
}
