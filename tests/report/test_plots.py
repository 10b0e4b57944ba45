import errno
import os
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from PIL import Image

from jaxhash.errors import UserError
from jaxhash.report import lettering, plots, table
from jaxhash.runs import workdir

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


def test_a_picture_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    plots.curves(path, "title", {"one": NUMBERS})
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="full"):
        plots.curves(path, "title", {"one": NUMBERS, "two": NUMBERS})
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


def test_a_device_or_a_folder_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    workdir.write(tmp_path / "pipe", b"png")
    assert os.read(reader, 9) == b"png" and (tmp_path / "pipe").is_fifo()
    os.close(reader)
    for folder in (tmp_path, Path()):
        said = pytest.raises(UserError, match="cannot be written \\(Is a directory")
        with said, plots.asked_for(folder):
            plots.curves(folder, "title", {"one": NUMBERS})
    assert [*tmp_path.iterdir()] == [tmp_path / "pipe"]


def test_the_table_says_what_map_is_over():
    text = table.compare({"a": {**NUMBERS, "map": 0.1}, "b": NUMBERS})
    assert "mAP@100, ties averaged" in text and "0.1000    0.5000" in text
    assert "divided by min(100, relevant items)" in text
    assert "by hits" not in text, "older results have none"
    both = {**NUMBERS, "map_index_hits": 0.75}
    text = table.compare({"at start": {"map": 0.1}, "b": both})
    assert re.search(r"mAP@100 by hits +0\.7500\n", text) and "first 100 items" in text
    whole = table.compare({"b": {**both, "map_at": None}})
    assert "0.7500" not in whole and "divided" not in whole


def test_an_interval_stands_behind_the_map_where_a_run_has_one():
    run = {"name": "dah", "bits": 48, "protocol": "p", "steps": 9, "seed": 0, "weights": "none"}
    run |= {
        **NUMBERS,
        "map_at": None,
        "dataset": "d",
        "at_start": None,
        "provenance": {"code": "c", "hardware": "h"},
    }
    newer = run | {"map_interval": [0.4849, 0.5151]}
    rows = table.markdown({"old": run, "new": newer}).splitlines()
    assert "| 0.5000 |" in rows[2] and "| 0.5000 [0.48, 0.52] |" in rows[3]
    assert "0.5000 +- 0.0000 [0.48, 0.52] |" in table.over_seeds([newer, newer])
    assert "0.5000 +- 0.0000 |" in table.over_seeds([newer, run])


def retrieval(path, name, title="title"):
    """Draws one query; returns the pixels."""
    white = np.full((1, 8, 8, 3), 255, np.uint8)
    plots.retrieval(path, title, white, white[None], np.array([[True]]), np.array([[3]]), [name])
    return np.asarray(Image.open(path).convert("L"))


@pytest.fixture
def only_bundled_fonts(monkeypatch):
    """Those that come with Matplotlib, which have no Chinese."""
    own = matplotlib.get_data_path()
    kept = [entry for entry in fontManager.ttflist if entry.fname.startswith(own)]
    monkeypatch.setattr(fontManager, "ttflist", kept)


@pytest.mark.parametrize(
    "names",
    [
        ["US$_$x", "$$", "$ $", "$5_$10, $10_$20", r"$\foo$", "$a_b_c$", r"\$", "100 %", "{x"],
        ["a\nb", "\t\r", "", " ", "_hidden", "a" * 300, "long name " * 30, "\x00\x07"],
        ["猫", "犬\n猫", "🐈", "🐈\u200d⬛", "e\u0301", "قط", "\udce9", "\ue000", "漢" * 300],
    ],
    ids=["formulas", "spaces", "letters"],
)
def test_whatever_a_class_or_run_is_called_is_drawn(tmp_path, names, only_bundled_fonts):
    """Without an error, and without a warning, which would be one here."""
    count = len(names)
    pixels, hits = np.zeros((count, 8, 8, 3), np.uint8), np.zeros((count, 1, 8, 8, 3), np.uint8)
    right, distances = np.ones((2, count, 1), int)
    title = ", ".join(names)
    plots.retrieval(tmp_path / "a.png", title, pixels, hits, right > 0, distances, names)
    plots.curves(tmp_path / "b.png", title, dict.fromkeys(names, NUMBERS))
    maps = {name: RANDOM.rand(1, 2, 2) for name in names}
    plots.attention(tmp_path / "c.png", title, pixels[:1], maps)
    for picture in tmp_path.iterdir():
        assert np.asarray(Image.open(picture).convert("L")).std() > 5


def test_a_dollar_is_drawn_as_a_dollar(tmp_path):
    """And `a_b` between two of them is no formula."""
    formula, plain = (retrieval(tmp_path / "a.png", name) for name in ("$a_b$", "a b"))
    assert (formula < 128).sum() > (plain < 128).sum()


def test_letters_that_no_font_has_are_numbers_and_not_boxes(tmp_path, only_bundled_fonts):
    drawn = retrieval(tmp_path / "a.png", "猫 cat")
    assert np.array_equal(drawn, retrieval(tmp_path / "a.png", "U+732B cat"))
    # What has no shape of its own vanishes.
    assert np.array_equal(retrieval(tmp_path / "a.png", "a\x07b"), retrieval(tmp_path / "b", "ab"))


def test_a_font_that_has_the_letters_draws_them(tmp_path, only_bundled_fonts, monkeypatch):
    without = retrieval(tmp_path / "a.png", "猫")
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "cat"])
    font.setupCharacterMap({ord("猫"): "cat"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "cat": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "cat": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "One Cat", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "cat.ttf")
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist])
    fontManager.addfont(tmp_path / "cat.ttf")
    assert lettering.fonts("cat 猫犬") == (["One Cat"], frozenset("犬"))
    drawn = retrieval(tmp_path / "a.png", "猫")
    assert drawn.shape == without.shape and not np.array_equal(drawn, without)


def test_a_long_name_leaves_room_for_its_neighbours(tmp_path):
    """Three lines of it, and dots."""
    drawn = retrieval(tmp_path / "a.png", "abcdefghij" * 30)
    assert np.array_equal(drawn, retrieval(tmp_path / "a.png", "abcdefghij" * 6))
    assert lettering.fit("abcdefghij" * 30, 20, 3).count("\n") == 2
