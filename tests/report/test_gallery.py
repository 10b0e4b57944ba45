"""The gallery of methods, from runs that never happened."""

import sys

import numpy as np
import pytest
from PIL import Image

from jaxhash.errors import UserError
from jaxhash.report import gallery
from jaxhash.runs.results import Run
from tests.report import fakes


def runs(count, **changes):
    found = [fakes.results(f"method{n}", noise=(n + 4) / 40, **changes) for n in range(count)]
    return [Run(result["name"], result, [], {}) for result in found]


def test_a_panel_for_each_run_whatever_their_number(tmp_path):
    heights = []
    for count in (1, 3, 6, 7, 13):
        gallery.draw(tmp_path / "a.png", runs(count))
        with Image.open(tmp_path / "a.png") as image:
            heights.append(image.height)
            red, _, blue = np.asarray(image.convert("RGB"), int).transpose(2, 0, 1)
        # The line of a panel's own run is blue, all others are grey.
        for panel in np.array_split(blue - red > 100, min(count, 6), axis=1):
            assert panel.sum() > 20
    assert heights[0] == heights[1] == heights[2] < heights[3] < heights[4]


def test_a_run_that_trained_nothing_and_one_that_finds_nothing(tmp_path):
    (run,) = runs(1, train_images_per_second=None)
    run.results["precision_recall"] = {"precision": [], "recall": []}
    gallery.draw(tmp_path / "a.png", [run])
    assert (tmp_path / "a.png").stat().st_size


@pytest.mark.parametrize("changes", [{"bits": 32}, {"protocol": "cifar10_59k"}])
def test_runs_that_cannot_stand_beside_each_other(tmp_path, changes):
    with pytest.raises(UserError, match="16; .*expected runs of one|; cifar10") as error:
        gallery.draw(tmp_path / "a.png", runs(1) + runs(1, **changes))
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_the_command(tmp_path, monkeypatch, capsys):
    folders = [str(fakes.workdir(tmp_path / run.label, run.results)) for run in runs(2)]
    there = tmp_path / "there.png"
    monkeypatch.setattr(sys, "argv", ["gallery", *folders, f"--picture={there}"])
    gallery.main()
    assert capsys.readouterr().out == f"see {there}\n" and there.exists()
    monkeypatch.setattr(sys, "argv", ["gallery", *folders, f"--picture={tmp_path / 'no' / 'a'}"])
    with pytest.raises(UserError, match="cannot be written"):
        gallery.main()
