import numpy as np
import pytest
from PIL import Image

from jaxhash.report import plots, table

RANDOM = np.random.RandomState(0)
NUMBERS = {
    "map": 0.5,
    "map_index": 0.4,
    "map_at": 100,
    "precision_at_radius_2": 0.3,
    "precision_recall": {"precision": [1.0, 0.5], "recall": [0.2, 1.0]},
    "precision_at": {"1": 1.0, "10": 0.8, "100": 0.5},
    "bit_balance": [0.4, 0.6],
}


@pytest.mark.parametrize("channels", [1, 3])
def test_right_and_wrong_differ_without_colour(tmp_path, channels):
    """A solid frame covers more of its edge than a dashed one, in grey too."""
    white = np.full((1, 8, 8, channels), 255, np.uint8)
    covered = []
    for right in (True, False):
        path = tmp_path / f"{right}.png"
        found = np.array([[right]])
        plots.retrieval(path, "title", white, white[None], found, np.array([[3]]), ["cat"])
        covered.append((np.asarray(Image.open(path).convert("L")) < 200).sum())
    assert covered[0] > covered[1] + 100


def test_curves_draw_several_runs(tmp_path):
    plots.curves(tmp_path / "curves.png", "title", {"one": NUMBERS, "two": NUMBERS})
    assert np.asarray(Image.open(tmp_path / "curves.png").convert("L")).std() > 5


def test_the_table_says_what_map_is_over():
    text = table.compare({"a": {**NUMBERS, "map": 0.1}, "b": NUMBERS})
    assert "0.1000    0.5000" in text and "first 100 items" in text


def test_an_interval_stands_behind_the_map_where_a_run_has_one():
    run = {"name": "dah", "bits": 48, "protocol": "p", "steps": 9, "seed": 0, "weights": "none"}
    run |= {**NUMBERS, "at_start": None, "provenance": {"code": "c", "hardware": "h"}}
    newer = run | {"map_interval": [0.4849, 0.5151]}
    rows = table.markdown({"old": run, "new": newer}).splitlines()
    assert "| 0.5000 |" in rows[2] and "| 0.5000 [0.48, 0.52] |" in rows[3]
    assert "0.5000 +- 0.0000 [0.48, 0.52] |" in table.over_seeds([newer, newer])
    assert "0.5000 +- 0.0000 |" in table.over_seeds([newer, run])
