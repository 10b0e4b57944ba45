"""Figures of a run as PNG: its curves, retrieved images, and attention maps."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxhash.errors import UserError
from jaxhash.report import lettering
from jaxhash.runs import disk, workdir

# Right and wrong differ in line style and caption too, for readers who are colour-blind.
RIGHT = {"color": "#009e73", "linestyle": "-"}
WRONG = {"color": "#d55e00", "linestyle": (0, (2, 1))}
TITLE = 100  # characters in a line above a figure
CAPTION = 18  # characters in a line above an image of an inch
# Of a grid of retrieved images, in inches.
CELL = (1.05, 1.34)
SIDE = 0.85  # of an image in it
HEADING = 0.6
NARROWEST, WIDE = 6.5, 11.5  # of the whole: for the second line above it, and for TITLE characters


def curves(path: Path, title: str, evaluations: dict[str, dict]) -> None:
    """Draws precision against recall, P@N, and the share of 1s in each bit.

    Args:
      path: of the PNG.
      title: above the figure.
      evaluations: title to the dict of `jaxhash.metrics.evaluate.evaluate`.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    recall_axes, number_axes, bit_axes = figure.subplots(1, 3)
    for name, numbers in evaluations.items():
        points = numbers["precision_recall"]
        label = lettering.fit(f"mAP {numbers['map']:.3f}: {name}", TITLE // 3, lines=2)
        recall_axes.plot(points["recall"], points["precision"], "o-", ms=3, label=label)
        found = {int(n): value for n, value in numbers["precision_at"].items() if int(n) >= 10}
        number_axes.plot(list(found), list(found.values()), "o-", ms=3)
        bit_axes.plot(sorted(numbers["bit_balance"]), "o-", ms=3)
    _label(recall_axes, "recall", "precision", "Precision and recall by radius")
    _label(number_axes, "items returned", "precision", "P@N")
    _label(bit_axes, "bits, sorted", "share of 1s in the database", "Bit balance")
    recall_axes.set_xlim(0, 1.02)
    recall_axes.legend(loc="lower left")
    figure.suptitle(lettering.fit(title, TITLE))
    save(figure, path)


def retrieval(
    path: Path,
    title: str,
    queries: np.ndarray,
    hits: np.ndarray,
    right: np.ndarray,
    distances: np.ndarray,
    names: list[str],
) -> None:
    """Draws queries, each followed by the images nearest to it.

    Args:
      path: of the PNG.
      title: above the figure.
      queries: uint8 [q h w c].
      hits: uint8 [q r h w c], nearest first.
      right: bool [q r], whether a hit shares a label with its query.
      distances: [q r] Hamming distances.
      names: q names of the queries' labels.
    """
    rows, columns = right.shape
    width = max(CELL[0] * (columns + 1), NARROWEST)
    height = CELL[1] * rows + HEADING
    figure = Figure(figsize=(width, height))
    # One frame for all images, in inches from the top left: one for each would take ten times as
    # long to draw.
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for row in range(rows):
        name = lettering.fit(names[row], CAPTION, lines=3)
        _cell(axes, row, 0, queries[row], name, {"color": "black", "linestyle": "-"}, 1)
        for column in range(columns):
            good = right[row, column]
            bits = distances[row, column]
            caption = f"{'right' if good else 'wrong'}, {bits} bit{'' if bits == 1 else 's'}"
            frame = RIGHT if good else WRONG
            _cell(axes, row, column + 1, hits[row, column], caption, frame, 3)
    axes.set(xlim=(0, width), ylim=(height, 0))
    title = lettering.fit(title, int(TITLE * min(width / WIDE, 1)))
    figure.suptitle(
        f"{title}\nquery, then its nearest: solid frame right, dashed frame wrong",
        y=1 - 0.1 / height,
    )
    save(figure, path)


def attention(
    path: Path, title: str, pictures: Sequence[np.ndarray] | np.ndarray, maps: dict[str, np.ndarray]
) -> None:
    """Draws images, each followed by its attention map at each node of the network.

    Args:
      path: of the PNG.
      title: above the figure.
      pictures: n of uint8 [h w c].
      maps: node to weights [n h' w'], resized to the image; the brightest position has the
        largest weight in this image.
    """
    rows, columns = len(pictures), len(maps) + 1
    figure = Figure(figsize=(1.9 * columns + 0.4, 1.95 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    plain = {"color": "black", "linestyle": "-"}
    for row, picture in enumerate(pictures):
        _picture(grid[row, 0], picture, "", plain, 1)
        height, width = picture.shape[:2]
        for column, (node, weights) in enumerate(maps.items(), start=1):
            low, high = weights[row].min(), weights[row].max()
            axes = grid[row, column]
            _picture(axes, picture, f"{node}: {low:.3g} to {high:.3g}", plain, 1)
            axes.imshow(
                weights[row],
                cmap="inferno",
                alpha=0.6,
                extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                interpolation="bilinear",
            )
    title = lettering.fit(title, CAPTION * columns, lines=2)
    figure.suptitle(f"{title}\nbright: counts most in this picture", fontsize=10)
    save(figure, path)


def _cell(
    axes: Axes, row: int, column: int, pixels: np.ndarray, caption: str, frame: dict, width: float
) -> None:
    """Draws an image in a frame, with its caption above it, at a place of the grid."""
    middle, bottom = (column + 0.5) * CELL[0], HEADING + (row + 1) * CELL[1] - 0.06
    tall, wide = pixels.shape[:2]
    across, up = (SIDE * length / max(tall, wide) for length in (wide, tall))
    left, top = middle - across / 2, bottom - up
    place = (left, left + across, bottom, top)
    axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255, extent=place)
    axes.add_patch(
        Rectangle((left, top), across, up, fill=False, lw=width, capstyle="butt", **frame)
    )
    axes.text(middle, top - 0.05, caption, fontsize=7, ha="center", va="bottom")


def _picture(axes: Axes, pixels: np.ndarray, caption: str, frame: dict, width: float) -> None:
    axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(caption, fontsize=7, pad=3)
    for side in axes.spines.values():
        side.set(linewidth=width, capstyle="butt", **frame)  # or caps would fill the gaps


def _label(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set(xlabel=x, ylabel=y, title=title, ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all, in fonts that have all its letters."""
    lettering.choose_fonts(figure)
    FigureCanvasAgg(figure)
    png = io.BytesIO()
    figure.savefig(png, dpi=110, format="png")
    workdir.write(path, png.getvalue())


@contextlib.contextmanager
def asked_for(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a UserError, for a command whose picture is at `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({disk.reason(error)})") from None
