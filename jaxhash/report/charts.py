"""Line charts as inline SVG, for light and dark pages, without scripts."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from jaxhash.report import svg

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 42, 380, 28, 250
MANY = 20  # lines, above which their points are not shown


class Axis(NamedTuple):
    """An axis: its title, its ends, and the positions of its ticks."""

    title: str
    low: float
    high: float
    ticks: Sequence[float]

    @classmethod
    def around(cls, title: str, values: Sequence[float], about: int = 5) -> "Axis":
        """Returns an axis with round ticks that covers all values.

        >>> Axis.around("precision", [0, 0.83])
        Axis(title='precision', low=0.0, high=1.0, ticks=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        """
        low, high = min(values), max(values)
        span = high - low or abs(high) or 1.0
        power = 10.0 ** math.floor(math.log10(span / about))
        step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= about)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = [float(f"{i * step:.6g}") for i in range(first, max(last, first + 1) + 1)]
        return cls(title, ticks[0], ticks[-1], ticks)

    @classmethod
    def at(cls, title: str, values: Sequence[float]) -> "Axis":
        """Returns an axis with a tick at each value, and a margin at both ends.

        >>> Axis.at("bits", [16, 48, 16])
        Axis(title='bits', low=13.44, high=50.56, ticks=[16, 48])
        """
        ticks = sorted(set(values))
        room = 0.08 * (ticks[-1] - ticks[0]) or 1
        return cls(title, ticks[0] - room, ticks[-1] + room, ticks)


class Line(NamedTuple):
    """The data of one run or system in a chart.

    label: its name. style: number of its colour and dashes. points: (x, y). kind: "line", "dots" on
    a line, or "landmark", only diamonds. intervals: (x, low, high), drawn vertically.
    """

    label: str
    style: int
    points: Sequence[tuple[float, float]]
    kind: str = "line"
    intervals: Sequence[tuple[float, float, float]] = ()


def chart(
    title: str,
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    guide: float | None = None,
) -> Markup:
    """Draws lines in a frame; pointing at one shows its name, and dims the others.

    Of more than `MANY` lines the points have no numbers to be shown, which would be most of a page.

    Args:
      title: for screen readers.
      x: the horizontal axis.
      y: the vertical axis.
      lines: in the order of drawing.
      guide: y of a thin horizontal line.
    """
    many = len(lines) > MANY
    words = f"{len(lines)} lines" if many else "; ".join(_in_words(line) for line in lines)
    drawing = svg.root("chart", WIDTH, HEIGHT, f"{title}: {y.title} against {x.title}. {words}")

    def place(point: tuple[float, float]) -> tuple[float, float]:
        right, up = (point[0] - x.low) / (x.high - x.low), (point[1] - y.low) / (y.high - y.low)
        return LEFT + right * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)

    for tick in y.ticks:
        level = place((x.low, tick))[1]
        svg.line(drawing, "grid", LEFT, level, RIGHT, level)
        svg.text(drawing, "label", LEFT - 6, level + 4, f"{tick:g}", "end")
    for tick in x.ticks:
        at = place((tick, y.low))[0]
        svg.line(drawing, "axis", at, BOTTOM, at, BOTTOM + 4)
        svg.text(drawing, "label", at, BOTTOM + 18, f"{tick:g}", "middle")
    svg.line(drawing, "axis", LEFT, BOTTOM, RIGHT, BOTTOM)
    svg.text(drawing, "title", 2, 12, y.title, "start")
    svg.text(drawing, "title", RIGHT, BOTTOM + 36, x.title, "end")
    if guide is not None:
        level = place((x.low, guide))[1]
        svg.line(drawing, "guide", LEFT, level, RIGHT, level)
    for line in lines:
        group = svg.series(drawing, line.style, line.label)
        for at, low, high in line.intervals:
            svg.line(group, "interval", *place((at, low)), *place((at, high)))
        places = [place(point) for point in line.points]
        if line.kind != "landmark":
            path = "M" + "L".join(f"{right:.1f} {up:.1f}" for right, up in places)
            svg.add(group, "path", "hit", d=path)
            svg.curve(group, line.style, path)
        if many and line.kind == "line":
            continue
        for point, (right, up) in zip(line.points, places, strict=True):
            words = f"{line.label}\n{x.title}: {point[0]:.4g}\n{y.title}: {point[1]:.4g}"
            if line.kind == "landmark":
                svg.diamond(group, right, up, words)
            else:
                kind, radius = ("dot", 4) if line.kind == "dots" else ("dot faint", 3)
                svg.add(group, "circle", kind, words, cx=right, cy=up, r=radius)
    return svg.markup(drawing)


def _in_words(line: Line) -> str:
    """Describes the ends of a line, for screen readers."""
    first, last = line.points[0], line.points[-1]
    return f"{line.label}: {first[1]:.3g} at {first[0]:.3g}, {last[1]:.3g} at {last[0]:.3g}"
