"""Nothing that comes after training costs a run its results."""

import json
from pathlib import Path

import pytest

from jaxhash import config as configs
from jaxhash.models import backbones
from jaxhash.report import plots
from jaxhash.runs import metrics_log
from jaxhash.training import loop, measurement

SMALL = Path(__file__).parents[1] / "distributed" / "hosts" / "backbones"
PICTURES = {"curves.png", "retrieval.png"}


@pytest.fixture
def config(tiny, monkeypatch):
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, str(SMALL)])
    monkeypatch.setattr(measurement, "SHOWN_QUERIES", 2)
    monkeypatch.setattr(measurement, "SHOWN_HITS", 2)
    with tiny.unlocked():
        tiny.model.backbone = configs.base().model.backbone
        tiny.model.backbone.name = "one_convolution"
        tiny.model.attention.name = "none"
        tiny.train.total_steps = 2
        tiny.eval.update(at_start=False, every_steps=1)
    return tiny


def fail(*arguments, **options):
    raise ValueError("ParseSyntaxException: Expected \\frac\nand more")


def pictures(folder):
    return {path.name for path in folder.iterdir() if "png" in path.name}


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["curves", "retrieval"])
def test_a_picture_that_cannot_be_drawn_is_a_line_beside_the_results(
    config, tmp_path, monkeypatch, capsys, broken
):
    with monkeypatch.context() as patch:
        patch.setattr(plots, broken, fail)
        results = loop.train_and_evaluate(config, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["map"] == results["map"]
    shown = capsys.readouterr()
    assert "trained" in shown.out
    (line,) = [line for line in shown.err.splitlines() if line.startswith("jaxhash: ")]
    assert f"{broken}.png: cannot be drawn (ParseSyntaxException: Expected \\frac);" in line
    assert pictures(tmp_path) == PICTURES - {f"{broken}.png"}
    loop.evaluate_checkpoint(tmp_path)
    assert pictures(tmp_path) == PICTURES
    # One that is left from before would be taken for one of these results.
    monkeypatch.setattr(plots, broken, fail)
    loop.evaluate_checkpoint(tmp_path)
    assert pictures(tmp_path) == PICTURES - {f"{broken}.png"}


def test_untrained_numbers_are_those_of_step_0_and_of_no_other(config, tmp_path):
    assert loop.train_and_evaluate(config, tmp_path)["at_start"] is None
    first = metrics_log.read(tmp_path)[0]
    assert first["step"] == 1 and first["eval/map"]
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({**first, "step": 0}) + "\n")
    assert loop.evaluate_checkpoint(tmp_path)["at_start"]["map"] == first["eval/map"]


def test_pictures_can_be_left_out_and_drawn_later(config, tmp_path):
    config.eval.pictures = False
    results = loop.train_and_evaluate(config, tmp_path)
    assert pictures(tmp_path) == set()
    assert loop.evaluate_checkpoint(tmp_path)["map"] == results["map"]
    assert pictures(tmp_path) == PICTURES
