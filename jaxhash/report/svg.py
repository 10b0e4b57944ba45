"""Elements of inline SVG, built as a tree, so that no text can become markup.

Colours, widths and fonts are set by the style sheet of the page, through classes.
"""

from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

COLOURS = 7
# 7 and 4 share no divisor, so all 28 pairs of colour and dashes occur before one repeats.
DASHES = ("", "7 3", "2 3", "9 3 2 3")

Element = ElementTree.Element


def root(kind: str, width: int, height: int, words: str | None = None) -> Element:
    """Starts a drawing; without words it is hidden from screen readers."""
    spoken = {"role": "img", "aria-label": words} if words else {"aria-hidden": "true"}
    box = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
    return Element("svg", {"class": kind, **box, **spoken})


def add(parent: Element, tag: str, kind: str, words: str | None = None, **attributes: Any):
    """Adds an element of a class, and the words of its tooltip.

    >>> drawing = root("chart", 2, 2)
    >>> _ = add(drawing, "circle", "dot", "a < b", cx=1 / 3)
    >>> str(markup(drawing))[-67:]
    '<circle class="dot" cx="0.3"><title>a &lt; b</title></circle></svg>'
    """
    values = {
        name: f"{value:.1f}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    element = ElementTree.SubElement(parent, tag, {"class": kind, **values})
    if words is not None:
        ElementTree.SubElement(element, "title").text = words
    return element


def line(parent: Element, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
    """Adds a straight line."""
    add(parent, "line", kind, x1=x1, y1=y1, x2=x2, y2=y2)


def curve(parent: Element, style: int, path: str) -> None:
    """Adds a path in the dashes of a style; its colour is that of the group around it."""
    dashes = DASHES[style % len(DASHES)]
    add(parent, "path", "line", d=path, **({"stroke-dasharray": dashes} if dashes else {}))


def diamond(parent: Element, x: float, y: float, words: str | None = None) -> None:
    """Adds the hollow diamond that marks a figure of a paper."""
    add(parent, "path", "landmark", words, d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z")


def text(parent: Element, kind: str, x: float, y: float, words: str, anchor: str) -> None:
    """Adds text; `anchor` is the part of it that is at x: start, middle or end."""
    element = add(parent, "text", kind, x=float(x), y=float(y), **{"text-anchor": anchor})
    element.text = words


def series(parent: Element, style: int, words: str | None = None) -> Element:
    """Starts a group in the colour of a style, which is highlighted as a whole."""
    return add(parent, "g", f"series c{style % COLOURS}", words, **{"data-system": style})


def markup(drawing: Element) -> Markup:
    """Serialises a drawing, with all text escaped."""
    return Markup(ElementTree.tostring(drawing, encoding="unicode"))
