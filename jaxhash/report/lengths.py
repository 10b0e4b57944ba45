"""Tables as in papers: methods as rows, code lengths as columns.

There is one table for each data set, protocol and metric: a protocol that ranks to the first k has
one of mAP@k divided by min(k, relevant items), ties averaged, and one divided by hits, as published
code does. A protocol that leaves classes out of training has one for each of the measures of
`jaxhash.metrics.unseen`. A cell has the mean over seeds, the standard deviation of a sample, and in
brackets the mAP that the method's paper reports of the same.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from jaxhash.metrics.unseen import MEASURES
from jaxhash.report import papers, systems, table
from jaxhash.report.papers import Landmark
from jaxhash.report.seeds import Spread
from jaxhash.runs.results import Run

LANDMARK = "in brackets what the method's paper reports at its own scale"


class Cell(NamedTuple):
    """Results of one method at one length: the mAP of each seed, and the paper's landmark."""

    values: list[float]
    paper: Landmark | None

    def spread(self) -> Spread:
        """Returns mean and deviation over seeds."""
        return Spread.of(self.values)

    def text(self, seeds: int) -> str:
        """Writes the cell, with its number of seeds where that of the table differs."""
        few = f", {len(self.values)} of {seeds} seeds" if len(self.values) != seeds else ""
        paper = f" ({self.paper.value:.4f})" if self.paper else ""
        return f"{self.spread().text()}{few}{paper}"


class Table(NamedTuple):
    """The results on one data set by one protocol and metric.

    Attributes:
      dataset, protocol: names of both.
      map_at: k of mAP@k; None for the whole database.
      measure: the key in `results.json`: "map", "map_index_hits" or "map_unseen@all", say.
      bits: the lengths, shortest first, which are the columns.
      rows: method to its cells by length; lengths that were not measured are missing.
    """

    dataset: str
    protocol: str
    map_at: int | None
    measure: str
    bits: list[int]
    rows: dict[str, dict[int, Cell]]

    @property
    def metric(self) -> str:
        """The name of the metric."""
        name = table.metric({"map_at": self.map_at})
        if self.measure == table.BY_HITS:
            return f"{name} by hits"
        kind = self.measure.removeprefix("map").removeprefix("_")
        return f"{name}, {kind}" if kind else name

    @property
    def division(self) -> str:
        """What the metric divides by, and what it does with ties; empty for the whole database."""
        if self.map_at is None:
            return ""
        if self.measure == table.BY_HITS:
            return f", divided by the hits among the first {self.map_at}, ties by index"
        return f", divided by min({self.map_at}, relevant items), ties averaged"

    def seeds(self) -> int:
        """Returns the largest number of seeds in a cell."""
        return max(len(cell.values) for row in self.rows.values() for cell in row.values())

    def markdown(self) -> str:
        """Writes the table below a line that describes it."""
        seeds = self.seeds()
        sources = papers.sources(cell.paper for row in self.rows.values() for cell in row.values())
        says = [
            f"{self.dataset}, protocol {self.protocol}: {self.metric}{self.division}",
            f"mean and deviation over {seeds} seeds" if seeds > 1 else "one seed",
            *([LANDMARK] if sources else []),
        ]
        lines = [
            (name, *(row[bits].text(seeds) if bits in row else "" for bits in self.bits))
            for name, row in self.rows.items()
        ]
        titles = ("method", *(f"{bits} bits" for bits in self.bits))
        laid_out = table.lay_out(titles, lines)
        return "\n\n".join(filter(None, (f"{'; '.join(says)}.", laid_out, sources)))


def tables(found: Sequence[Run]) -> list[Table]:
    """Sorts runs into tables, in the order of their first runs."""
    groups: dict[tuple[str, str, int | None], list[Run]] = {}
    for run in found:
        key = (run.results["dataset"], run.results["protocol"], run.results.get("map_at"))
        groups.setdefault(key, []).append(run)
    made = []
    for key, group in groups.items():
        made.append(_table(*key, "map", group))
        with_hits = [run for run in group if table.by_hits(run.results) is not None]
        if with_hits:
            made.append(_table(*key, table.BY_HITS, with_hits))
        for measure in (f"map_{kind}" for kind in MEASURES):
            with_kinds = [run for run in group if measure in run.results]
            if with_kinds:
                made.append(_table(*key, measure, with_kinds))
    return made


def markdown(found: Sequence[Run]) -> str:
    """Writes all tables, and below them the versions and hardware of the runs."""
    made = sorted({run.results["provenance"]["code"] for run in found})
    where = sorted({run.results["provenance"]["hardware"] for run in found})
    texts = [each.markdown() for each in tables(found)]
    texts.append(f"{len(found)} runs of jaxhash {', '.join(made)} on {', '.join(where)}.")
    return "\n\n".join(texts) + "\n"


def csv_text(found: Sequence[Run]) -> str:
    """Writes all tables as one CSV: a line for each method and length, numbers unrounded."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    titles = ("dataset", "protocol", "metric", "method", "bits", "seeds", "mean", "deviation")
    writer.writerow((*titles, "paper", "source"))
    for each in tables(found):
        for name, row in each.rows.items():
            for bits, cell in row.items():
                paper = (cell.paper.value, cell.paper.source.where) if cell.paper else (None, None)
                where = (each.dataset, each.protocol, each.metric, name, bits, len(cell.values))
                values = (*cell.spread(), *paper)
                writer.writerow((*where, *("" if n is None else n for n in values)))
    return file.getvalue()


def _table(
    dataset: str, protocol: str, map_at: int | None, measure: str, group: list[Run]
) -> Table:
    rows = {}
    for system in systems.sort(group):
        cells = {}
        for bits, same in system.by_bits().items():
            paper = papers.find(same[0].results)
            beside = paper if paper and paper.measure == measure else None
            cells[bits] = Cell([run.results[measure] for run in same], beside)
        rows[system.label] = cells
    lengths = sorted({bits for cells in rows.values() for bits in cells})
    return Table(dataset, protocol, map_at, measure, lengths, rows)
