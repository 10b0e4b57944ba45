"""Precision and recall of many methods, each in a panel of its own before those of all others.

python -m jaxhash.report.gallery runs/methods/*bits=48,seed=0 --picture=gallery.png
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxhash.cli import command_line
from jaxhash.errors import UserError
from jaxhash.report import lettering, plots, table
from jaxhash.runs import results

COLUMNS = 6
PANEL = (2.1, 1.9)  # inches
TITLE = 30  # characters above a panel
SETTING = ("dataset", "protocol", "bits")  # what all runs of a gallery have in common


def draw(path: Path, runs: Sequence[results.Run]) -> None:
    """Draws a panel for each run, best mAP first.

    A panel has the run's precision against recall, one point for each Hamming radius, before the
    curves of all other runs in grey; its mAP; and how many images a second it trained on, which is
    left out where nothing was trained.

    Args:
      path: of the PNG.
      runs: of `jaxhash.runs.results.read`.

    Raises:
      UserError: no runs, or runs of several data sets, protocols or code lengths.
    """
    settings = sorted({tuple(str(run.results[key]) for key in SETTING) for run in runs})
    if len(settings) != 1:
        told = "; ".join(", ".join(setting) for setting in settings) or "no runs"
        raise UserError(f"{told}: expected runs of one data set, protocol and code length")
    best = sorted((run.results for run in runs), key=lambda run: -run["map"])
    columns = min(COLUMNS, len(best))
    rows = -(-len(best) // columns)
    figure = Figure(
        figsize=(max(PANEL[0] * columns, 6), PANEL[1] * rows + 0.7), layout="constrained"
    )
    panels = [*figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat]
    # As one line with gaps: a line for each, in the panel of each, would take minutes for hundreds.
    every = np.concatenate(
        [np.pad(_points(run), ((0, 0), (0, 1)), constant_values=np.nan) for run in best], axis=1
    )
    for panel, run in zip(panels, best, strict=False):
        panel.plot(*every, color="0.75", lw=0.5)
        panel.plot(*_points(run), ".-", color="#0072b2", lw=1.5, ms=4)
        panel.set_title(lettering.fit(run["name"], TITLE), fontsize=8, pad=3)
        pace = run.get("train_images_per_second")
        speed = f"\n{pace:,.0f} images/s" if pace else ""
        panel.text(0.03, 0.04, f"{table.metric(run)} {run['map']:.3f}{speed}", fontsize=7)
        panel.set(xlim=(0, 1), ylim=(0, 1))
        panel.tick_params(labelsize=7)
    for panel in panels[len(best) :]:
        panel.set_axis_off()
    dataset, protocol, bits = settings[0]
    figure.suptitle(f"Precision (up) and recall: {dataset}, protocol {protocol}, {bits} bits")
    plots.save(figure, path)


def _points(run: dict) -> np.ndarray:
    """Returns the recalls and precisions of a run, float [2 radii]."""
    points = run["precision_recall"]
    return np.array([points["recall"], points["precision"]], float)


def main() -> None:
    """Draws the runs that are named."""
    parser = command_line.Parser("python -m jaxhash.report.gallery", description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="workdir or results.json")
    parser.add_argument("--picture", type=Path, default=Path("gallery.png"), help="PNG to draw")
    arguments = parser.parse_args()
    runs = results.read(arguments.runs)
    with plots.asked_for(arguments.picture):
        draw(arguments.picture, runs)
    print(f"see {arguments.picture}")


if __name__ == "__main__":
    command_line.run(main)
