"""Results of runs as tables: on the terminal, and in Markdown for `results/`.

python -m jaxhash.report.table results/*.json                every run
python -m jaxhash.report.table --seeds results/*.json        mean and deviation over seeds
python -m jaxhash.report.table --uniformity results/*.json   ones to zeros at each bit
"""

import itertools
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from jaxhash import config as configs
from jaxhash.cli import command_line
from jaxhash.metrics.unseen import MEASURES
from jaxhash.report import papers
from jaxhash.report.seeds import Spread
from jaxhash.runs import results

BY_HITS = "map_index_hits"
HITS = "mAP by hits"
DIVISION = (
    "mAP@k is divided by min(k, relevant items), and averaged over the orders of ties; by hits, it "
    "is divided by the relevant items among the first k, as published code does, with ties by index"
)


def compare(columns: dict[str, dict]) -> str:
    """Makes a table of the main results of several evaluations, side by side.

    Args:
      columns: title to the dict of `jaxhash.metrics.evaluate.evaluate`; the last one complete.

    >>> numbers = {"map": 0.5, "map_index": 0.25, "precision_at_radius_2": 0.0, "map_at": None}
    >>> print(compare({"trained": numbers}))
                               trained
    mAP, ties averaged          0.5000
    mAP, ties by index          0.2500
    precision at radius 2       0.0000
    """
    last = list(columns.values())[-1]
    at, name = last["map_at"], metric(last)
    rows = {f"{name}, ties averaged": "map", f"{name}, ties by index": "map_index"}
    note = f"{name} is divided by min({at}, relevant items)"
    if at and BY_HITS in last:
        rows[f"{name} by hits"] = BY_HITS
        note += f"; by hits, by those among the first {at} items, as published code does"
    rows |= {f"{name}, {kind}": f"map_{kind}" for kind in MEASURES if f"map_{kind}" in last}
    rows["precision at radius 2"] = "precision_at_radius_2"
    width = max(24, *(len(title) + 1 for title in rows))
    lines = [" " * width + "".join(f"{title:>10}" for title in columns)]
    for title, key in rows.items():
        values = (column.get(key) for column in columns.values())
        cells = "".join(f"{'' if v is None else f'{v:.4f}':>10}" for v in values)
        lines.append(f"{title:{width}}{cells}")
    return "\n".join([*lines, note] if at else lines)


def metric(run: dict) -> str:
    """Names the mean average precision of a run.

    >>> metric({"map_at": 5000}), metric({})
    ('mAP@5000', 'mAP')
    """
    return f"mAP@{run['map_at']}" if run.get("map_at") else "mAP"


def by_hits(run: dict) -> float | None:
    """Returns the mAP@k of a run that is divided by the hits; None over the whole database.

    >>> by_hits({"map_at": 10, "map_index_hits": 0.5}), by_hits({"map_index_hits": 0.5})
    (0.5, None)
    """
    return run.get(BY_HITS) if run.get("map_at") else None


def markdown(runs: dict[str, dict]) -> str:
    """Makes a Markdown table of runs with their provenance.

    The mAP is followed by its k and its 95 % interval over the queries, where a run has them. mAP@k
    divided by hits has a column of its own.

    Args:
      runs: name to the content of its `results.json`.

    >>> print(markdown({}))
    | run | protocol | bits | seed | weights | mAP | at step 0 | mAP by index | P@H<=2 | code, hardware |
    |---|---|---|---|---|---|---|---|---|---|
    """  # noqa: E501
    titles = ("run", "protocol", "bits", "seed", "weights", "mAP", "at step 0", "mAP by index")
    lines = []
    for name, run in runs.items():
        where, start = run["provenance"], results.at_start(run)
        lines.append(
            (
                name,
                run["protocol"],
                str(run["bits"]),
                str(run["seed"]),
                run["weights"],
                f"{run['map']:.4f}{_at(run)}{_interval([run])}",
                four(start["map"]) if start else "",
                four(run.get("map_index")),
                four(by_hits(run)),
                f"{run['precision_at_radius_2']:.4f}",
                f"{where['code']}, {where['hardware']}",
            )
        )
    return _with_note((*titles, HITS, "P@H<=2", "code, hardware"), lines)


def over_seeds(runs: Iterable[dict]) -> str:
    """Makes a Markdown table of systems: mean and deviation over seeds, and the paper's mAP.

    The deviation is that of a sample, with n - 1. It is followed, where every run of a row has one,
    by the 95 % interval over the queries, its ends averaged over the seeds. Runs that differ in
    more than the seed have separate rows; the report of `jaxhash.report` says in what they differ.
    A paper's mAP is shown for runs with the same data set, protocol and k, with its table and
    section below (`jaxhash.report.papers`).

    >>> run = {"name": "dah", "bits": 48, "dataset": "cifar10", "protocol": "cifar10_official"}
    >>> rest = {"precision_at_radius_2": 0.25, "steps": 9, "db_codes": "network"}
    >>> print(over_seeds([run | rest | {"map": 0.5}, run | rest | {"map": 0.6}]))
    | system | bits | protocol | database codes | steps | seeds | mAP | P@H<=2 | paper's mAP |
    |---|---|---|---|---|---|---|---|---|
    | dah | 48 | cifar10_official | network | 9 | 2 | 0.5500 +- 0.0707 | 0.2500 +- 0.0000 | 0.9231 |
    <BLANKLINE>
    Papers' mAP: DAH, table 2, protocol of section IV-A.
    """
    titles: tuple[str, ...]
    titles = ("system", "bits", "protocol", "database codes", "steps", "seeds", "mAP")
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        key = (run["name"], run["bits"], run["protocol"], run.get("db_codes", "network"))
        shared = (run["dataset"], run.get("map_at"), json.dumps(settings(run), sort_keys=True))
        groups.setdefault((*key, run["steps"], *shared), []).append(run)
    lines, landmarks = [], []
    for whole, group in groups.items():
        landmarks.append(papers.find(group[0]))
        hits = [by_hits(run) for run in group]
        lines.append(
            (
                *map(str, whole[:5]),
                str(len(group)),
                Spread.of([run["map"] for run in group]).text() + _at(group[0]) + _interval(group),
                Spread.of([h for h in hits if h is not None]).text() if all(hits) else "",
                Spread.of([run["precision_at_radius_2"] for run in group]).text(),
                landmarks[-1].text() if landmarks[-1] else "",
            )
        )
    titles = (*titles, HITS, "P@H<=2", "paper's mAP")
    return _with_note(titles, lines, papers.sources(landmarks))


def uniformity(runs: dict[str, dict]) -> str:
    """Makes a table of the ratio of ones to zeros at each bit of the database, DAH table 5.

    Args:
      runs: name to the content of its `results.json`.

    >>> print(uniformity({"a": {"bit_balance": [0.5, 0.75]}}))
    | bit | a |
    |---|---|
    | 1 | 1.00 |
    | 2 | 3.00 |
    """
    columns = [[ratio(share) for share in run["bit_balance"]] for run in runs.values()]
    rows = itertools.zip_longest(*columns, fillvalue=None)
    lines = [
        (str(bit), *("" if value is None else f"{value:.2f}" for value in row))
        for bit, row in enumerate(rows, start=1)
    ]
    return lay_out(("bit", *runs), lines)


def ratio(share: float) -> float:
    """Returns the ratio of ones to zeros from the share of ones; infinite where there are no zeros.

    >>> ratio(0.25), ratio(1.0)
    (0.3333333333333333, inf)
    """
    return share / (1 - share) if share < 1 else math.inf


def settings(run: dict) -> dict[str, Any]:
    """Returns the values of a config in use that results depend on, but for length and seed.

    >>> settings({"config": {"seed": 1, "optim": {"lr": 0.1}, "log": {"every_steps": 9}}})
    {'optim.lr': 0.1}
    """
    return {
        name: value
        for name, value in configs.in_use(configs.flatten(run.get("config", {}))).items()
        if name not in ("seed", "model.bits", *configs.FREE_TO_CHANGE)
        and not name.startswith(("checkpoint.", "eval.", "log."))
    }


def _interval(runs: list[dict]) -> str:
    """Writes the interval of mAP, averaged over runs; nothing where an older run has none.

    >>> _interval([{"map_interval": [0.409, 0.441]}]), _interval([{}])
    (' [0.41, 0.44]', '')
    """
    if not all("map_interval" in run for run in runs):
        return ""
    low, high = (statistics.mean(run["map_interval"][end] for run in runs) for end in (0, 1))
    return f" [{low:.2f}, {high:.2f}]"


def four(value: float | None) -> str:
    """Writes a share with four digits; nothing for None.

    >>> four(0.5), four(None)
    ('0.5000', '')
    """
    return "" if value is None else f"{value:.4f}"


def _at(run: dict) -> str:
    return f" at {run['map_at']}" if run.get("map_at") else ""


def _with_note(titles: Sequence[str], lines: Sequence[Sequence[str]], *notes: str) -> str:
    """Lays out a table and notes below it; drops the column of mAP by hits where it is empty."""
    column = titles.index(HITS)
    if any(line[column] for line in lines):
        notes = (f"{DIVISION}.", *notes)
    else:
        titles, *lines = ((*row[:column], *row[column + 1 :]) for row in (titles, *lines))
    return "\n\n".join(filter(None, (lay_out(titles, lines), *notes)))


def lay_out(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Writes a Markdown table, with all text escaped.

    >>> print(lay_out(("a", "b"), [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ([plain(cell) for cell in line] for line in lines)
    rows = [f"| {' | '.join(line)} |" for line in (titles, *lines)]
    return "\n".join([rows[0], f"|{'---|' * len(titles)}", *rows[1:]])


def plain(cell: str) -> str:
    """Escapes text, so that it cannot end its cell or become a tag, a link or an image.

    >>> print(plain("a|b<c [d](e)"))
    a\\|b&lt;c [d]\\(e)
    """
    cell = " ".join(cell.split()).replace("|", "\\|")
    return cell.replace("<", "&lt;").replace("](", "]\\(")


TABLES = {
    "runs": markdown,
    "seeds": lambda runs: over_seeds(runs.values()),
    "uniformity": uniformity,
}


def main() -> None:
    """Prints the table that the flags name, of the files that they name."""
    parser = command_line.Parser("python -m jaxhash.report.table", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="results.json")
    kinds = parser.add_mutually_exclusive_group()
    for kind in TABLES:
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind)
    arguments = parser.parse_args()
    runs = {run.label: run.results for run in results.read(arguments.files)}
    print(TABLES[arguments.kind or "runs"](runs))


if __name__ == "__main__":
    command_line.run(main)
