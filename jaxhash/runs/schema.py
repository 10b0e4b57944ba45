"""The schema of `results.json` that a report needs: the names of values, and a check for each."""

import json
import math
from typing import Any

from jaxhash.metrics.unseen import MEASURES


def number(value: Any) -> bool:
    """Tells whether a value is a finite number.

    >>> number(0.5), number("0.5"), number(float("nan")), number(True)
    (True, False, False, False)
    """
    return type(value) in (int, float) and math.isfinite(value)


def mistake(results: Any) -> str | None:
    """Describes the first mistake in a `results.json`; None where it has all that a report needs.

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
    if not _object(value):
        return False
    recall, precision = value.get("recall"), value.get("precision")
    return _shares(recall) and _shares(precision) and len(recall) == len(precision)


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
    **dict.fromkeys(("map_index", "map_index_hits"), _share),
    "unseen_classes": lambda names: isinstance(names, list) and all(map(_text, names)),
    **dict.fromkeys((f"map_{kind}" for kind in MEASURES), _share),
    "at_start": lambda start: _object(start) and _share(start.get("map")),
    "db_codes": _text,
    "codes_in_use": _whole,
    "encode_milliseconds_per_image": number,
    "train_images_per_second": number,
}
