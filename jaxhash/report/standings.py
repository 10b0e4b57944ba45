"""Many methods by one protocol: tables and a picture of what `runs.csv` of a grid holds.

python -m jaxhash.report.standings runs/grid/runs.csv
python -m jaxhash.report.standings runs/grid/runs.csv --picture=standings.png
"""

import csv
import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from scipy import stats

from jaxhash.cli import command_line
from jaxhash.errors import UserError
from jaxhash.metrics.unseen import MEASURES as KINDS
from jaxhash.report import papers, plots, table
from jaxhash.report.seeds import Spread

Row = dict[str, str]
Cells = tuple[str, ...]  # the first of a line in a table
MEASURES = {
    "map": "mAP",
    "precision_at_1000": "P@1000",
    "precision_at_radius_2": "P@H<=2",
}
OF_KINDS = {f"map_{kind}": f"mAP, {kind}" for kind in KINDS}
FEW = 3  # methods that a rank correlation needs at least
TESTS = (stats.spearmanr, stats.kendalltau)
ROW = 0.24  # inches of a method in the picture
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")  # of lengths, which differ in colour too


class Standing(NamedTuple):
    """A method and what it reaches: {bits: the value of each seed}."""

    name: str
    values: dict[int, list[float]]

    @property
    def mean(self) -> float:
        """The mean over lengths of the means over seeds."""
        return statistics.mean(statistics.mean(own) for own in self.values.values())


def read(path: str | Path) -> list[Row]:
    """Reads the lines of a `runs.csv`.

    Raises:
      UserError: it is none, its runs are by several protocols, or two of them differ in a setting
        alone.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [*csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    needed = {"name", "dataset", "protocol", "bits", "seed", "map"}
    if not rows or not needed <= rows[0].keys():
        raise UserError(f"{path}: no runs; expected runs.csv as `python -m jaxhash.grid` writes it")
    wheres = sorted({f"{row['dataset']}, protocol {row['protocol']}" for row in rows})
    if len(wheres) > 1:
        raise UserError(f"{path}: runs by several protocols ({'; '.join(wheres)}); expected one")
    once: set[tuple[str, ...]] = set()
    for number, row in enumerate(rows, start=2):
        if not row["bits"] or not row["bits"].isdecimal() or not _numbers(row):
            raise UserError(f"{path}, line {number}: damaged; expected numbers in every measure")
        run = (row["name"], row["bits"], row["seed"])
        if run in once:
            raise UserError(
                f"{path}: {run[0]} twice with {run[1]} bits and seed {run[2]}; expected runs that "
                "differ in these alone, not in a setting"
            )
        once.add(run)
    return rows


def _numbers(row: Row) -> bool:
    """Tells whether the measures of a run are numbers, or empty."""
    try:
        return all(
            math.isfinite(float(value))
            for name, value in row.items()
            if value and (name in MEASURES | OF_KINDS or name.startswith("cosine_map"))
        )
    except ValueError:
        return False


def standings(rows: Iterable[Row], measure: str = "map") -> list[Standing]:
    """Collects the runs of each method, best first; those that lack a length come after the others.

    Means over different lengths cannot be compared: longer codes have more.

    Args:
      rows: of `read`.
      measure: a column.

    >>> rows = [{"name": "a", "bits": "16", "map": ".25"}, {"name": "b", "bits": "16", "map": ".5"}]
    >>> [(each.name, each.mean) for each in standings(rows)]
    [('b', 0.5), ('a', 0.25)]
    """
    found: dict[str, Standing] = {}
    for row in rows:
        if row.get(measure):
            own = found.setdefault(row["name"], Standing(row["name"], {})).values
            own.setdefault(int(row["bits"]), []).append(float(row[measure]))
    return sorted(found.values(), key=lambda each: (-len(each.values), -each.mean))


def markdown(rows: Sequence[Row], measure: str = "map") -> str:
    """Writes a table of methods by length: mean and deviation over seeds, the best in bold.

    >>> row = {"name": "a-frozen", "dataset": "digits", "protocol": "digits", "bits": "16"}
    >>> print(markdown([row | {"seed": "0", "map": "0.25"}, row | {"seed": "1", "map": "0.75"}]))
    | method | 16 bits |
    |---|---|
    | a-frozen | **0.5000 +- 0.3536** |
    """
    found = standings(rows, measure)
    columns: dict[str, dict[Cells, list[float]]] = {
        f"{bits} bits": {(each.name,): each.values[bits] for each in found if bits in each.values}
        for bits in sorted({bits for each in found for bits in each.values})
    }
    return _lay_out(("method",), [(each.name,) for each in found], columns)


def by_measure(rows: Sequence[Row]) -> str:
    """Writes a table of methods by measure, for runs of one length: the best of each in bold.

    >>> row = {"name": "a", "bits": "16", "seed": "0", "map": "0.25", "precision_at_1000": "0.5"}
    >>> print(by_measure([row]))
    | method | mAP | P@1000 |
    |---|---|---|
    | a | **0.2500** | **0.5000** |
    """
    columns: dict[str, dict[Cells, list[float]]] = {
        title(rows, measure): {
            (each.name,): next(iter(each.values.values())) for each in standings(rows, measure)
        }
        for measure in MEASURES
        if any(row.get(measure) for row in rows)
    }
    return _lay_out(("method",), [(each.name,) for each in standings(rows)], columns)


def by_kind(rows: Sequence[Row]) -> str:
    """Writes a table of the measures of `jaxhash.metrics.unseen`, the best of each in bold.

    Methods are sorted by `unseen@all`, and have a line for each length. Beside them stands the
    exact search by cosine of the runs that measured it (`eval.cosine`).
    """
    groups: dict[Cells, dict[str, list[float]]] = {}
    for row in rows:
        for name, start in ((row["name"], "map_"), ("exact search by cosine", "cosine_map_")):
            found = {kind: row.get(f"{start}{kind}") for kind in KINDS}
            if all(found.values()):
                own = groups.setdefault((name, row["bits"] if start == "map_" else ""), {})
                for kind, value in found.items():
                    own.setdefault(kind, []).append(float(value or 0))
    columns = {kind: {group: own[kind] for group, own in groups.items()} for kind in KINDS}
    last = columns[KINDS[-1]]
    order = sorted(groups, key=lambda group: -statistics.mean(last[group]))
    return _lay_out(("method", "bits"), order, columns)


def _lay_out(
    titles: Cells,
    lines: Iterable[Cells],
    columns: Mapping[str, Mapping[Cells, Sequence[float]]],
) -> str:
    """Lays out values by the first cells of their line, the best of a column in bold.

    Args:
      titles: of the first cells.
      lines: the first cells of each line.
      columns: title to {first cells: the value of each seed}; what a column lacks stays empty.
    """
    best = {name: max(map(statistics.mean, own.values())) for name, own in columns.items()}
    texts = [
        (
            *line,
            *(_cell(own[line], best[name]) if line in own else "" for name, own in columns.items()),
        )
        for line in lines
    ]
    return table.lay_out((*titles, *columns), texts)


def _cell(values: Sequence[float], best: float) -> str:
    """Writes mean and deviation, in bold where the mean is the best."""
    text = Spread.of(values).text()
    return f"**{text}**" if statistics.mean(values) == best else text


def title(rows: Sequence[Row], measure: str) -> str:
    """Names a measure for people, with the depth k where a protocol ranks the first k items.

    >>> title([{"map": "0.5", "map_at": "1000"}], "map")
    'mAP@1000'
    """
    depth = rows[0].get("map_at") if measure.startswith("map") else ""
    return (MEASURES | OF_KINDS)[measure].replace("mAP", table.metric({"map_at": depth}), 1)


class Correlation(NamedTuple):
    """How far two orders of methods agree: Spearman's rho and Kendall's tau, each from -1 to 1."""

    source: str
    bits: int
    methods: int
    rho: float
    tau: float


def correlations(rows: Sequence[Row]) -> list[Correlation]:
    """Compares the order of methods by mAP with that of a paper's table, length by length.

    Where a table has fewer than three of the methods, it is left out.
    """
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    depth = rows[0].get("map_at")
    where = {
        "dataset": rows[0]["dataset"],
        "protocol": rows[0]["protocol"],
        "map_at": int(depth) if depth else None,
    }
    for each in standings(rows):
        for bits, own in each.values.items():
            landmark = papers.find({"name": each.name, "bits": bits, **where})
            if landmark and landmark.measure == "map":
                pairs = found.setdefault((landmark.source.where, bits), [])
                pairs.append((statistics.mean(own), landmark.value))
    return [
        Correlation(
            where,
            bits,
            len(pairs),
            *(float(test(*zip(*pairs, strict=True)).statistic) for test in TESTS),
        )
        for (where, bits), pairs in sorted(found.items())
        if len(pairs) >= FEW
    ]


def draw(path: Path, rows: Sequence[Row], measure: str = "map") -> None:
    """Draws a line for each method, best above, with a mark for each length.

    Args:
      path: of the PNG.
      rows: of `read`.
      measure: a column.
    """
    found = standings(rows, measure)
    lengths = sorted({bits for each in found for bits in each.values})
    figure = Figure(figsize=(8, 1.2 + ROW * len(found)), layout="constrained")
    axes = figure.subplots()
    for bits, mark in zip(lengths, itertools.cycle(MARKS), strict=False):
        points = [
            (statistics.mean(each.values[bits]), place)
            for place, each in enumerate(found)
            if bits in each.values
        ]
        axes.plot(*zip(*points, strict=True), mark, label=f"{bits} bits", ms=5)
    axes.set_yticks(range(len(found)), [each.name for each in found], fontsize=8)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(alpha=0.3)
    axes.set_xlabel(title(rows, measure))
    figure.legend(loc="outside lower center", ncols=len(lengths))  # over no mark
    axes.set_title(f"{rows[0]['dataset']}, protocol {rows[0]['protocol']}")
    plots.save(figure, path)


def report(rows: Sequence[Row]) -> str:
    """Writes all tables of some runs, and the correlations with papers.

    Of one length there is one table of all measures, of several a table for each measure.
    """
    if len({row["bits"] for row in rows}) == 1:
        parts = [f"{rows[0]['bits']} bits:\n\n{by_measure(rows)}"]
    else:
        parts = [
            f"{title(rows, measure)}:\n\n{markdown(rows, measure)}"
            for measure in MEASURES
            if any(row.get(measure) for row in rows)
        ]
    if any(row.get(name) for row in rows for name in OF_KINDS):
        named = title(rows, "map")
        parts.append(f"{named} of classes that were trained on, and of others:\n\n{by_kind(rows)}")
    lines = [
        (each.source, str(each.bits), str(each.methods), f"{each.rho:.2f}", f"{each.tau:.2f}")
        for each in correlations(rows)
    ]
    if lines:
        titles = ("order of", "bits", "methods", "Spearman's rho", "Kendall's tau")
        parts.append(f"Agreement with papers:\n\n{table.lay_out(titles, lines)}")
    return "\n\n".join(parts)


def main() -> None:
    """Prints the tables of the file that is named, and draws the picture that is asked for."""
    parser = command_line.Parser("python -m jaxhash.report.standings", description=__doc__)
    parser.add_argument("file", metavar="runs.csv")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="PNG to draw")
    parser.add_argument(
        "--measure", default="map", choices=[*MEASURES, *OF_KINDS], help="of the picture"
    )
    arguments = parser.parse_args()
    rows = read(arguments.file)
    print(report(rows))
    if arguments.picture:
        if not any(row.get(arguments.measure) for row in rows):
            raise UserError(f"--measure={arguments.measure}: no run in {arguments.file} has it")
        with plots.asked_for(arguments.picture):
            draw(arguments.picture, rows, arguments.measure)
        print(f"\nsee {arguments.picture}")


if __name__ == "__main__":
    command_line.run(main)
