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
from jaxhash.report import papers
from jaxhash.report.seeds import Spread
from jaxhash.runs import results

ROWS = (
    ("mAP, ties averaged", "map"),
    ("mAP, ties by index", "map_index"),
    ("precision at radius 2", "precision_at_radius_2"),
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
    lines = [f"{'':24}" + "".join(f"{title:>10}" for title in columns)]
    for title, name in ROWS:
        values = "".join(f"{column[name]:>10.4f}" for column in columns.values())
        lines.append(f"{title:24}{values}")
    at = list(columns.values())[-1]["map_at"]
    if at is not None:
        lines.append(f"mAP is over the first {at} items, divided by min({at}, relevant items)")
    return "\n".join(lines)


def markdown(runs: dict[str, dict]) -> str:
    """Makes a Markdown table of runs with their provenance.

    The mAP is followed by its 95 % interval over the queries, where a run has one.

    Args:
      runs: name to the content of its `results.json`.

    >>> print(markdown({}))
    | run | protocol | bits | seed | weights | mAP | untrained | mAP by index | P@H<=2 | code, hardware |
    |---|---|---|---|---|---|---|---|---|---|
    """  # noqa: E501
    titles = ("run", "protocol", "bits", "seed", "weights", "mAP", "untrained", "mAP by index")
    lines = []
    for name, run in runs.items():
        where = run["provenance"]
        lines.append(
            (
                name,
                run["protocol"],
                str(run["bits"]),
                str(run["seed"]),
                run["weights"],
                f"{run['map']:.4f}{_interval([run])}",
                f"{run['at_start']['map']:.4f}" if run["at_start"] else "",
                f"{run['map_index']:.4f}",
                f"{run['precision_at_radius_2']:.4f}",
                f"{where['code']}, {where['hardware']}",
            )
        )
    return lay_out((*titles, "P@H<=2", "code, hardware"), lines)


def over_seeds(runs: Iterable[dict]) -> str:
    """Makes a Markdown table of systems: mean and deviation over seeds, and the paper's figure.

    The deviation is that of a sample, with n - 1. It is followed, where every run of a row has one,
    by the 95 % interval over the queries, its ends averaged over the seeds. Runs that differ in
    more than the seed have separate rows; the report of `jaxhash.report` says in what they differ.

    >>> run = {"name": "dah", "bits": 48, "protocol": "cifar10_official", "db_codes": "network"}
    >>> rest = {"precision_at_radius_2": 0.25, "steps": 9}
    >>> print(over_seeds([run | rest | {"map": 0.5}, run | rest | {"map": 0.6}]))
    | system | bits | protocol | database codes | steps | seeds | mAP | P@H<=2 | paper's mAP |
    |---|---|---|---|---|---|---|---|---|
    | dah | 48 | cifar10_official | network | 9 | 2 | 0.5500 +- 0.0707 | 0.2500 +- 0.0000 | 0.9231 |
    """
    titles = ("system", "bits", "protocol", "database codes", "steps", "seeds", "mAP", "P@H<=2")
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        key = (run["name"], run["bits"], run["protocol"], run.get("db_codes", "network"))
        whole = (*key, run["steps"], json.dumps(settings(run), sort_keys=True))
        groups.setdefault(whole, []).append(run)
    lines = []
    for whole, group in groups.items():
        paper = papers.figure(whole[0], whole[1])
        lines.append(
            (
                *map(str, whole[:-1]),
                str(len(group)),
                Spread.of([run["map"] for run in group]).text() + _interval(group),
                Spread.of([run["precision_at_radius_2"] for run in group]).text(),
                f"{paper:.4f}" if paper else "",
            )
        )
    return lay_out((*titles, "paper's mAP"), lines)


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
