"""Runs grouped into systems: runs that differ only in seed and code length are one system."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxhash.report import table
from jaxhash.runs.results import Run

MOST_SAID = 2  # differences in a label


class System(NamedTuple):
    """Runs that differ only in length and seed, their label, and the number of their style."""

    label: str
    style: int
    runs: list[Run]

    def by_bits(self) -> dict[int, list[Run]]:
        """Returns the runs of each length, shortest first, which differ only in seed."""
        lengths = sorted({run.results["bits"] for run in self.runs})
        return {bits: [r for r in self.runs if r.results["bits"] == bits] for bits in lengths}


def sort(runs: Sequence[Run]) -> list[System]:
    """Groups runs into systems, in the order of their first runs."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps(describe(run.results), sort_keys=True)
        groups.setdefault(key, []).append(run)
    labels = _labels(list(groups.values()))
    named = zip(labels, groups.values(), strict=True)
    return [System(label, style, group) for style, (label, group) in enumerate(named)]


def describe(results: dict) -> dict[str, Any]:
    """Lists the values that runs of one system share, by name."""
    names = ("name", "dataset", "protocol", "weights", "steps")
    described = {name: results[name] for name in names}
    return described | {"codes": results.get("db_codes", "network")} | table.settings(results)


def differing(columns: Sequence[dict[str, Any]]) -> list[str]:
    """Names the values that are not the same in all of several descriptions.

    >>> differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None}])
    ['b', 'c']
    """
    names = dict.fromkeys(name for column in columns for name in column)
    missing = object()
    first = columns[0] if columns else {}
    return [
        name
        for name in names
        if any(column.get(name, missing) != first.get(name, missing) for column in columns)
    ]


def _labels(groups: list[list[Run]]) -> list[str]:
    """Labels systems by the name of their config, and by what differs where names are equal."""
    labels = []
    for first, *more in groups:
        name, own = first.results["name"], describe(first.results)
        alike = [describe(other.results) for other, *_ in groups if other.results["name"] == name]
        # The length of training is in `steps` already.
        different = [key for key in differing(alike) if not key.startswith("train.total_")]
        if len(different) > MOST_SAID:
            labels.append(f"{name} like {first.label}" if more else first.label)
        elif different:
            said = (f"{key.rpartition('.')[2]} {own.get(key, 'not there')}" for key in different)
            labels.append(f"{name} ({', '.join(said)})")
        else:
            labels.append(name)
    firsts = [first.label for first, *_ in groups]
    return [
        f"{label}, {first}" if labels.count(label) > 1 else label
        for label, first in zip(labels, firsts, strict=True)
    ]
