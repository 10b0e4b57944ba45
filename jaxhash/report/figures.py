"""The figures of a report: those of the papers, with all runs together, and of training."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from jaxhash.report import papers, table
from jaxhash.report.charts import Axis, Line, chart
from jaxhash.report.seeds import Spread
from jaxhash.report.systems import System
from jaxhash.runs.results import Run
from jaxhash.runs.schema import number

SHOWN_POINTS = 150
RETURNED = 10  # the least N of P@N in a figure
MANY_RUNS = 20


class Figure(NamedTuple):
    """A drawing and its caption."""

    caption: str
    drawing: Markup


def lengths(systems: Sequence[System]) -> list[int]:
    """Lists the lengths of the codes of all runs, shortest first."""
    return sorted({run.results["bits"] for system in systems for run in system.runs})


def thins(systems: Sequence[System]) -> bool:
    """Says whether there are so many runs that one line is drawn for all seeds of a system."""
    return sum(len(system.runs) for system in systems) > MANY_RUNS


def against_bits(systems: Sequence[System]) -> list[Figure]:
    """Draws mAP and precision at radius 2 against bits; nothing where there is one length."""
    x = Axis.at("bits", lengths(systems))
    if len(x.ticks) < 2:
        return []
    ours = [_over_lengths(system, "map") for system in systems]
    near = [_over_lengths(system, "precision_at_radius_2") for system in systems]
    top = "mAP, ties averaged"
    marks = landmarks(systems, "map")
    drawn = [Figure("mAP against bits", _from_zero("mAP", x, top, [*ours, *marks]))]
    at_k = [s for s in systems if all(table.by_hits(run.results) is not None for run in s.runs)]
    if at_k:
        lines = [_over_lengths(system, table.BY_HITS) for system in at_k]
        lines += landmarks(at_k, table.BY_HITS)
        title = "mAP at k by hits, against bits"
        drawn.append(Figure(title, _from_zero(title, x, "mAP at k by hits", lines)))
    return [
        *drawn,
        Figure("Precision within radius 2", _from_zero("P@H≤2", x, "precision", near)),
    ]


def curves(systems: Sequence[System]) -> list[Figure]:
    """Draws precision against recall, and P@N, with a chart for each length as in papers."""
    recalls, counts = [], []
    for bits in lengths(systems):
        title = f"Precision and recall, {bits} bits"
        unit = Axis.around("recall", [0, 1]), Axis.around("precision", [0, 1])
        drawn = chart(title, *unit, _lines(systems, _precision_recall, bits))
        recalls.append(Figure(title, drawn))
        found = [line for line in _lines(systems, _precision_at, bits) if line.points]
        if found:
            x = Axis.around("items returned", [0, *(n for line in found for n, _ in line.points)])
            title = f"P@N, {bits} bits"
            counts.append(Figure(title, _from_zero(title, x, "precision", found)))
    return recalls + counts


def balance(systems: Sequence[System]) -> list[Figure]:
    """Draws the sorted shares of ones in each bit, with a chart for each length."""
    x, y = Axis.around("bits, sorted, %", [0, 100]), Axis.around("share of ones", [0, 1])
    figures = []
    for bits in lengths(systems):
        title = f"Bit balance, {bits} bits"
        lines = _lines(systems, _sorted_shares, bits)
        figures.append(Figure(title, chart(title, x, y, lines, guide=0.5)))
    return figures


def landmarks(systems: Sequence[System], measure: str) -> list[Line]:
    """Makes diamonds of the landmarks for one measure, a key of `results.json`."""
    lines = []
    for system in systems:
        found = [(bits, papers.find(runs[0].results)) for bits, runs in system.by_bits().items()]
        points = [(bits, mark.value) for bits, mark in found if mark and mark.measure == measure]
        label = f"{system.label}: its paper, at its own scale"
        lines += [Line(label, system.style, points, "landmark")] if points else []
    return lines


def training(systems: Sequence[System]) -> list[Figure]:
    """Draws mAP and loss during training, with a chart for each kind of loss."""
    figures = []
    scores = [line for line in _lines(systems, _score) if len(line.points) > 2]
    if scores:
        figures.append(
            Figure("mAP while training", _from_zero("mAP by step", _steps(scores), "mAP", scores))
        )
    kinds: dict[str, list[Line]] = {}
    for system in systems:
        config = system.runs[0].results["config"].get("loss", {})
        kind = str(config.get("name", "") if isinstance(config, dict) else "")
        lines = [line for line in _lines([system], _loss) if line.points]
        kinds[kind] = kinds.get(kind, []) + lines
    for kind, lines in kinds.items():
        if lines:
            title = f"Loss while training: {kind}"
            y = Axis.around("loss", [value for line in lines for _, value in line.points])
            figures.append(Figure(title, chart(title, _steps(lines), y, lines)))
    return figures


def _lines(
    systems: Sequence[System], points: Callable[[Run], list], bits: int | None = None
) -> list[Line]:
    """Makes a line for each run, in the style of its system; of many, for each first seed."""
    several = len(lengths(systems)) > 1 and bits is None
    thinned = thins(systems)
    lines = []
    for system in systems:
        for run in [same[0] for same in system.by_bits().values()] if thinned else system.runs:
            length, seed = run.results["bits"], run.results["seed"]
            if bits in (None, length):
                label = f"{system.label}{f', {length} bits' if several else ''}, seed {seed}"
                lines.append(Line(label, system.style, points(run)))
    return lines


def _over_lengths(system: System, name: str) -> Line:
    """Makes a line of means over seeds, with deviations, or the interval of a single run."""
    points, intervals = [], []
    for bits, runs in system.by_bits().items():
        values = [run.results[name] for run in runs]
        mean, deviation = Spread.of(values)
        points.append((bits, mean))
        ends = runs[0].results.get("map_interval") if name == "map" else None
        if deviation is not None:
            intervals.append((bits, max(0, mean - deviation), min(1, mean + deviation)))
        elif ends:
            intervals.append((bits, *ends))
    return Line(system.label, system.style, points, "dots", intervals)


def _from_zero(title: str, x: Axis, y: str, lines: Sequence[Line]) -> Markup:
    """Draws shares on an axis from 0, so that heights can be compared."""
    values = [value for line in lines for _, value in line.points]
    ends = [high for line in lines for _, _, high in line.intervals]
    return chart(title, x, Axis.around(y, [0, 0.1, *values, *ends]), lines)


def _steps(lines: Sequence[Line]) -> Axis:
    return Axis.around("step", [0, *(step for line in lines for step, _ in line.points)])


def _precision_recall(run: Run) -> list:
    points = run.results["precision_recall"]
    return list(zip(points["recall"], points["precision"], strict=True))


def _precision_at(run: Run) -> list:
    found = {int(n): value for n, value in run.results["precision_at"].items()}
    return [(n, found[n]) for n in sorted(found) if n >= RETURNED]


def _sorted_shares(run: Run) -> list:
    shares = sorted(run.results["bit_balance"])
    last = max(1, len(shares) - 1)
    return [(100 * place / last, share) for place, share in enumerate(shares)]


def _score(run: Run) -> list:
    found = {r["step"]: r["eval/map"] for r in run.rows if number(r.get("eval/map"))}
    return sorted((found | {run.results["steps"]: run.results["map"]}).items())


def _loss(run: Run) -> list:
    """Returns loss by step; for a long run, means over neighbouring steps."""
    points = [(r["step"], r["train/loss"]) for r in run.rows if number(r.get("train/loss"))]
    size = -(-len(points) // SHOWN_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), max(1, size))]
    return [tuple(map(statistics.fmean, zip(*group, strict=True))) for group in groups]
