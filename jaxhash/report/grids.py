"""Tables of many runs: systems by code length, means over a setting that was varied, and CSV."""

import csv
import io
import itertools
import json
import statistics
from collections.abc import Sequence

from jaxhash.report import glyphs, lengths, systems
from jaxhash.report.seeds import Spread
from jaxhash.report.summary import Cell, Table
from jaxhash.report.systems import System
from jaxhash.runs.results import Run

HEATS = 10  # shades, from the lowest value of a table to its highest


def by_length(runs: Sequence[Run]) -> list[Table]:
    """Lays out systems by code length, best first, shaded by value; the best of a length is marked.

    There is one table for each data set, protocol and metric, as of `jaxhash.report.lengths`; none
    of a single cell.
    """
    styles = {system.label: system.style for system in systems.sort(runs)}
    return [
        _shaded(each, styles)
        for each in lengths.tables(runs)
        if len(each.rows) > 1 or len(each.bits) > 1
    ]


def varied(found: Sequence[System]) -> Table | None:
    """Averages mAP over all runs with each value of a setting that one config was run with.

    Settings that differ only between configs of different names, such as the loss, are left to the
    other tables; so is the length of the codes.

    Returns:
      the table; None where no setting was varied.
    """
    rows = []
    for name in dict.fromkeys(system.runs[0].results["name"] for system in found):
        own = [system for system in found if system.runs[0].results["name"] == name]
        described = [systems.describe(system.runs[0].results) for system in own]
        for setting in systems.differing(described):
            values: dict[str, list[float]] = {}
            for system, values_of in zip(own, described, strict=True):
                value = json.dumps(values_of.get(setting, "not there")).strip('"')
                values.setdefault(value, []).extend(run.results["map"] for run in system.runs)
            best = max(statistics.mean(numbers) for numbers in values.values())
            for value, numbers in values.items():
                kind = "best" if statistics.mean(numbers) == best else ""
                cells = (Cell(setting), Cell(value), Cell(str(len(numbers))))
                rows.append([Cell(name), *cells, Cell(Spread.of(numbers).text("±"), kind=kind)])
    titles = ("config", "setting", "value", "runs", "mAP")
    return Table("Means over each setting that was varied", titles, rows) if rows else None


def csv_text(found: Sequence[System]) -> str:
    """Writes a line for each system and length: a column for each setting that differs, and seed.

    The mAP of each seed is in a column of its own, unrounded.
    """
    described = [systems.describe(system.runs[0].results) for system in found]
    settings = [name for name in systems.differing(described) if name != "name"]
    seeds = sorted({run.results["seed"] for system in found for run in system.runs})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("system", "bits", *settings, *(f"map of seed {seed}" for seed in seeds)))
    for system, values in zip(found, described, strict=True):
        for bits, runs in system.by_bits().items():
            own = [values.get(name, "") for name in settings]
            columns = [
                [run.results["map"] for run in runs if run.results["seed"] == seed]
                for seed in seeds
            ]
            # A seed that comes more than once takes as many lines.
            for maps in itertools.zip_longest(*columns, fillvalue=""):
                writer.writerow((system.label, bits, *own, *maps))
    return file.getvalue().encode("utf-8", "replace").decode("utf-8")  # as of the page


def _shaded(each: lengths.Table, styles: dict[str, int]) -> Table:
    means = {
        (name, bits): cell.spread().mean
        for name, row in each.rows.items()
        for bits, cell in row.items()
    }
    low, high = min(means.values()), max(means.values())
    best = {
        bits: max(mean for (_, length), mean in means.items() if length == bits)
        for bits in each.bits
    }

    def cell(name: str, bits: int) -> Cell:
        if (name, bits) not in means:
            return Cell("")
        mean = means[name, bits]
        heat = round((HEATS - 1) * (mean - low) / ((high - low) or 1))
        kind = f"h{heat}" + (" best" if mean == best[bits] else "")
        spread = each.rows[name][bits].spread()
        note = "" if spread.deviation is None else f"± {spread.deviation:.4f}"
        return Cell(f"{mean:.4f}", note, kind=kind)

    order = sorted(
        each.rows, key=lambda name: -statistics.mean(means[name, bits] for bits in each.rows[name])
    )
    rows = []
    for name in order:
        style = styles.get(name)  # with runs by other protocols it may be called otherwise
        first = Cell(name) if style is None else Cell(name, "", glyphs.swatch(style), style)
        rows.append([first, *(cell(name, bits) for bits in each.bits)])
    caption = f"{each.metric} by code length: {each.dataset}, protocol {each.protocol}"
    return Table(caption, ("system", *(f"{bits} bits" for bits in each.bits)), rows)
