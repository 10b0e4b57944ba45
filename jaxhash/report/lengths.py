"""Tables as in papers: methods as rows, code lengths as columns.

There is one table for each data set and protocol. A cell has the mean over seeds, the standard
deviation of a sample, and in brackets the figure of the method's paper.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from jaxhash.report import papers, systems, table
from jaxhash.report.seeds import Spread
from jaxhash.runs.results import Run

LANDMARK = "in brackets what the method's paper reports, by its own protocol and at its own scale"


class Cell(NamedTuple):
    """Results of one method at one length: the mAP of each seed, and that of the paper."""

    values: list[float]
    paper: float | None

    def spread(self) -> Spread:
        """Returns mean and deviation over seeds."""
        return Spread.of(self.values)

    def text(self, seeds: int) -> str:
        """Writes the cell, with its number of seeds where that of the table differs."""
        few = f", {len(self.values)} of {seeds} seeds" if len(self.values) != seeds else ""
        paper = f" ({self.paper:.4f})" if self.paper else ""
        return f"{self.spread().text()}{few}{paper}"


class Table(NamedTuple):
    """The results on one data set by one protocol.

    Attributes:
      dataset, protocol: names of both.
      map_at: k of mAP@k; None for the whole database.
      bits: the lengths, shortest first, which are the columns.
      rows: method to its cells by length; lengths that were not measured are missing.
    """

    dataset: str
    protocol: str
    map_at: int | None
    bits: list[int]
    rows: dict[str, dict[int, Cell]]

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return f"mAP@{self.map_at}" if self.map_at else "mAP"

    def seeds(self) -> int:
        """Returns the largest number of seeds in a cell."""
        return max(len(cell.values) for row in self.rows.values() for cell in row.values())

    def markdown(self) -> str:
        """Writes the table below a line that describes it."""
        seeds = self.seeds()
        landmark = any(cell.paper for row in self.rows.values() for cell in row.values())
        says = [
            f"{self.dataset}, protocol {self.protocol}: {self.metric}",
            f"mean and deviation over {seeds} seeds" if seeds > 1 else "one seed",
            *([LANDMARK] if landmark else []),
        ]
        lines = [
            (name, *(row[bits].text(seeds) if bits in row else "" for bits in self.bits))
            for name, row in self.rows.items()
        ]
        titles = ("method", *(f"{bits} bits" for bits in self.bits))
        return f"{'; '.join(says)}.\n\n{table.lay_out(titles, lines)}"


def tables(found: Sequence[Run]) -> list[Table]:
    """Sorts runs into tables, in the order of their first runs."""
    groups: dict[tuple[str, str, int | None], list[Run]] = {}
    for run in found:
        key = (run.results["dataset"], run.results["protocol"], run.results.get("map_at"))
        groups.setdefault(key, []).append(run)
    return [_table(*key, group) for key, group in groups.items()]


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
    writer.writerow((*titles, "paper"))
    for each in tables(found):
        for name, row in each.rows.items():
            for bits, cell in row.items():
                numbers = (*cell.spread(), cell.paper)
                where = (each.dataset, each.protocol, each.metric, name, bits, len(cell.values))
                writer.writerow((*where, *("" if n is None else n for n in numbers)))
    return file.getvalue()


def _table(dataset: str, protocol: str, map_at: int | None, group: list[Run]) -> Table:
    rows = {}
    for system in systems.sort(group):
        cells = {}
        for bits, same in system.by_bits().items():
            first = same[0].results
            # The papers' figures are for CIFAR-10.
            paper = papers.figure(first["name"], bits) if dataset == "cifar10" else None
            cells[bits] = Cell([run.results["map"] for run in same], paper)
        rows[system.label] = cells
    lengths = sorted({bits for cells in rows.values() for bits in cells})
    return Table(dataset, protocol, map_at, lengths, rows)
