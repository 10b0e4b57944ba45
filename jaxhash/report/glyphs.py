"""Small drawings in tables and legends: line samples, gauges, and the bars of a code."""

from collections.abc import Sequence

from markupsafe import Markup

from jaxhash.report import svg

BARS_WIDTH = 256
BARS_HEIGHT = 40


def swatch(style: int, landmark: bool = False) -> Markup:
    """Draws a sample of a line, or of a landmark, for a legend or a table."""
    drawing = svg.root("swatch", 30, 12)
    group = svg.series(drawing, style)
    if landmark:
        svg.diamond(group, 15, 6)
    else:
        svg.curve(group, style, "M1 6L29 6")
    return svg.markup(drawing)


def bars(shares: Sequence[float], style: int) -> Markup:
    """Draws the share of ones in each bit as bars that start at a half."""
    step = max(2, min(8, BARS_WIDTH // len(shares)))
    middle, width = BARS_HEIGHT / 2, step * len(shares)
    words = f"share of ones in {len(shares)} bits: {min(shares):.2f} to {max(shares):.2f}"
    drawing = svg.root("bars", width, BARS_HEIGHT, words)
    group = svg.series(drawing, style)
    svg.line(group, "axis", 0, middle, width, middle)
    path = ""
    for bit, share in enumerate(shares):
        above = middle - max(0, share - 0.5) * BARS_HEIGHT
        height = max(abs(share - 0.5) * BARS_HEIGHT, 0.5)
        path += f"M{step * bit} {above:.1f}h{step - 1}v{height:.1f}h{1 - step}z"
    svg.add(group, "path", "bar", d=path)
    return svg.markup(drawing)


def gauge(
    value: float,
    style: int,
    start: float | None = None,
    paper: float | None = None,
    interval: Sequence[float] | None = None,
) -> Markup:
    """Draws a number on a scale from 0 to 1.

    Args:
      value: the number.
      style: number of its colour and dashes.
      start: the number of the same network before training.
      paper: the same number in its paper.
      interval: both ends of its confidence interval.
    """
    words = f"{value:.3f} between 0 and 1"
    words += f"; at step 0 {start:.3f}" if start is not None else ""
    words += f"; its paper {paper:.3f}" if paper is not None else ""
    drawing = svg.root("gauge", 150, 18, words)
    group = svg.series(drawing, style, words)

    def across(share: float) -> float:
        return 6 + 138 * share

    svg.line(group, "track", across(0), 9, across(1), 9)
    if start is not None:
        svg.line(group, "spread", across(start), 9, across(value), 9)
        svg.line(group, "spread", across(start), 5, across(start), 13)
    if interval is not None:
        svg.line(group, "interval", across(interval[0]), 9, across(interval[1]), 9)
    if paper is not None:
        svg.diamond(group, across(paper), 9)
    svg.add(group, "circle", "dot", cx=across(value), cy=9, r=4)
    return svg.markup(drawing)
