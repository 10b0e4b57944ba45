"""The tables of a report, for its page and for its Markdown."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from jaxhash import config as configs
from jaxhash.report import glyphs, papers, systems, table
from jaxhash.report.seeds import Spread
from jaxhash.report.systems import System
from jaxhash.runs import results
from jaxhash.runs.results import Run

PAPER = "its paper's mAP, at its own scale"


class Cell(NamedTuple):
    """A cell of a table.

    text: what it says. note: smaller, after it. picture: before it. system: number of the system
    that the row is of, in the row's first cell. kind: how it stands out: h0 to h9 by its height
    among others, and best.
    """

    text: str
    note: str = ""
    picture: Markup = Markup("")
    system: int | None = None
    kind: str = ""


class Table(NamedTuple):
    """A table: its caption, titles of columns, and rows, whose first cell is a title."""

    caption: str
    titles: Sequence[str]
    rows: list[list[Cell]]

    def markdown(self) -> str:
        """Writes the table without its drawings, and without columns that have nothing else."""
        texts = [[f"{cell.text} {cell.note}".strip() for cell in row] for row in self.rows]
        columns = zip(self.titles, *texts, strict=True)
        titles, *rows = zip(*(column for column in columns if any(column[1:])), strict=True)
        return table.lay_out(titles, rows)


def every_run(found: Sequence[System]) -> Table:
    """Lists every run with its settings, and the landmark of its paper."""
    hits = [table.HITS] if _any_by_hits(found) else []
    titles = ("run", "mAP", "from 0 to 1", *hits, "at step 0", "P@H≤2", "bits", "seed", PAPER)
    rows = []
    for system in found:
        for run in system.runs:
            numbers, start = run.results, (results.at_start(run.results) or {}).get("map")
            paper, ends = papers.find(numbers), numbers.get("map_interval")
            same = paper.value if paper and paper.measure == "map" else None
            gauge = glyphs.gauge(numbers["map"], system.style, start, same, ends)
            at = f" at {numbers['map_at']}" if numbers.get("map_at") else ""
            rows.append(
                [
                    Cell(run.label, "", glyphs.swatch(system.style), system.style),
                    Cell(table.four(numbers["map"]) + at, _interval(ends)),
                    Cell("", picture=gauge),
                    *(Cell(table.four(table.by_hits(numbers))) for _ in hits),
                    Cell(table.four(start)),
                    Cell(table.four(numbers["precision_at_radius_2"])),
                    Cell(str(numbers["bits"])),
                    Cell(str(numbers["seed"])),
                    Cell(paper.text() if paper else ""),
                    *(Cell(numbers[name]) for name in ("name", "dataset", "protocol", "weights")),
                    Cell(numbers.get("db_codes", "network")),
                    Cell(f"{numbers['steps']:,}"),
                ]
            )
    settings = ("system", "data", "protocol", "weights", "database codes", "steps")
    return Table("Every run", (*titles, *settings), rows)


def over_seeds(found: Sequence[System]) -> Table | None:
    """Lists mean and deviation over seeds; None where no system has two seeds at a length."""
    if all(len(runs) == 1 for system in found for runs in system.by_bits().values()):
        return None
    hits = [table.HITS] if _any_by_hits(found) else []
    titles = ("system", "bits", "mAP", *hits, "P@H≤2", "seeds", PAPER, "protocol", "database codes")
    rows = []
    for system in found:
        for bits, runs in system.by_bits().items():
            first = runs[0].results
            seeds = ", ".join(str(run.results["seed"]) for run in runs)
            spreads = [_spread(run.results["map"] for run in runs)]
            spreads += [_spread(table.by_hits(run.results) for run in runs) for _ in hits]
            spreads.append(_spread(run.results["precision_at_radius_2"] for run in runs))
            spreads[0] += f" at {first['map_at']}" if first.get("map_at") else ""
            codes, steps = first.get("db_codes", "network"), f"{first['steps']:,}"
            landmark = papers.find(first)
            paper = landmark.text() if landmark else ""
            texts = (str(bits), *spreads, seeds, paper, first["protocol"], codes, steps)
            first_cell = Cell(system.label, "", glyphs.swatch(system.style), system.style)
            rows.append([first_cell, *map(Cell, texts)])
    return Table("Mean and deviation over seeds", (*titles, "steps"), rows)


def balance(found: Sequence[System]) -> Table:
    """Shows the balance of each run's bits."""
    titles = ("run", "share of ones in each bit", "ones to zeros: least", "median", "most")
    rows = []
    for system in found:
        for run in system.runs:
            shares = run.results["bit_balance"]
            ratios = sorted(map(table.ratio, shares))
            used = run.results.get("codes_in_use")
            shown = (ratios[0], ratios[len(ratios) // 2], ratios[-1])
            picture = Cell(
                "", f"{min(shares):.2f} to {max(shares):.2f}", glyphs.bars(shares, system.style)
            )
            texts = [f"{ratio:.2f}" for ratio in shown]
            texts.append("" if used is None else f"{used:,}")
            rows.append([Cell(run.label, system=system.style), picture, *map(Cell, texts)])
    return Table("How evenly the bits are used", (*titles, "distinct codes in the database"), rows)


def ratios(runs: Sequence[Run]) -> Table:
    """Lists the ratio of ones to zeros at each bit, a column for each run, as DAH table 5."""
    columns = [[f"{table.ratio(s):.2f}" for s in run.results["bit_balance"]] for run in runs]
    length = max(map(len, columns))
    columns = [column + [""] * (length - len(column)) for column in columns]
    rows = [
        [Cell(str(bit)), *map(Cell, row)] for bit, row in enumerate(zip(*columns, strict=True), 1)
    ]
    return Table("Ones to zeros at each bit", ("bit", *(run.label for run in runs)), rows)


def speed(runs: Sequence[Run]) -> Table:
    """Lists the speed of encoding and training, and the hardware."""
    titles = ("run", "encoding, ms an image", "training, images a second", "hardware")
    rows = []
    for run in runs:
        pace, rate = (
            run.results.get(name)
            for name in ("encode_milliseconds_per_image", "train_images_per_second")
        )
        texts = ("" if pace is None else f"{pace:.3f}", "" if rate is None else f"{rate:,.0f}")
        rows.append(
            [Cell(run.label), *map(Cell, texts), Cell(run.results["provenance"]["hardware"])]
        )
    return Table("Speed", titles, rows)


def provenance(runs: Sequence[Run]) -> Table:
    """Lists the provenance of every run."""
    titles = ("run", "date", "code", "hardware", "python", "packages", "split checksum")
    rows = []
    for run in runs:
        where = run.results["provenance"]
        packages = where.get("packages") or {}
        versions = ", ".join(f"{name} {version}" for name, version in dict(packages).items())
        texts = [where[name] for name in ("date", "code", "hardware", "python")]
        rows.append([Cell(t) for t in (run.label, *texts, versions, run.results["split_checksum"])])
    return Table("Where every number comes from", titles, rows)


def differences(runs: Sequence[Run]) -> Table | None:
    """Lists the settings in use that differ between runs; None where none does."""
    flat = [configs.in_use(configs.flatten(run.results["config"])) for run in runs]
    return _differences(flat, [run.label for run in runs])


def between_systems(found: Sequence[System]) -> Table | None:
    """Lists the settings in use that differ between systems; None where none does."""
    flat = [table.settings(system.runs[0].results) for system in found]
    return _differences(flat, [system.label for system in found])


def _differences(flat: Sequence[dict[str, Any]], labels: Sequence[str]) -> Table | None:
    rows = [
        [Cell(name), *(Cell(_value(config, name)) for config in flat)]
        for name in systems.differing(flat)
    ]
    return Table("What differs between the configs", ("setting", *labels), rows) if rows else None


def _value(config: dict[str, Any], name: str) -> str:
    if name not in config:
        return "not there"
    value = config[name]
    return value if isinstance(value, str) else json.dumps(value)


def _any_by_hits(found: Sequence[System]) -> bool:
    return any(table.by_hits(run.results) is not None for system in found for run in system.runs)


def _spread(values: Iterable[float | None]) -> str:
    """Writes mean and deviation; nothing where a run has no value."""
    known = list(values)
    numbers = [value for value in known if value is not None]
    return Spread.of(numbers).text("±") if len(numbers) == len(known) else ""


def _interval(ends: Sequence[float] | None) -> str:
    return f"[{ends[0]:.4f}, {ends[1]:.4f}]" if ends else ""
