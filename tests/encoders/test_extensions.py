"""Heads and backbones that somebody adds: trained, opened again, or refused before training."""

from pathlib import Path

import numpy as np
import pytest

from jaxhash import config as configs
from jaxhash.encoders.encoder import open_encoder
from jaxhash.errors import UserError
from jaxhash.models import backbones, heads
from jaxhash.training import loop, measurement
from jaxhash.training.experiment import Experiment
from tests.training import small

EXTRA = Path(__file__).parent / "extra"


@pytest.fixture(autouse=True)
def extended(monkeypatch):
    monkeypatch.setattr(heads, "__path__", [*heads.__path__, str(EXTRA / "heads")])
    more = [str(small.BACKBONES), str(EXTRA / "backbones")]
    monkeypatch.setattr(backbones, "__path__", [*backbones.__path__, *more])
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)


@pytest.fixture
def config(tiny):
    """Two steps of a network of one convolution."""
    with small.one_convolution(tiny).unlocked():
        tiny.model.head = configs.base().model.head
        tiny.loss.name = "greedy"
        tiny.train.total_steps = 2
        tiny.eval.update(at_start=False, every_steps=0)
    return tiny


@pytest.mark.slow
@pytest.mark.parametrize("head", ["prototypes", "classifier"])
def test_a_head_with_parameters_for_labels_opens_again(config, tmp_path, head):
    config.model.head.name = head
    loop.train_and_evaluate(config, tmp_path)
    encoder = open_encoder(tmp_path)
    images = np.zeros((3, 8, 8, 1), np.uint8)
    assert encoder.encode(encoder.variables, images).shape == (3, 2)
    assert encoder.model.head.labels == 10
    (tmp_path / "dataset.json").unlink()  # as of a run of version 0.1
    if head == "classifier":
        assert open_encoder(tmp_path).identity() == encoder.identity()
    loop.evaluate_checkpoint(tmp_path)  # writes it again
    assert open_encoder(tmp_path).identity() == encoder.identity()


def test_a_run_does_not_continue_on_other_images(config, tmp_path):
    config.model.head.name = "classifier"
    loop.train_and_evaluate(config, tmp_path)
    (tmp_path / "results.json").unlink()
    text = (tmp_path / "dataset.json").read_text()
    checksum = Experiment(config).data.split.checksum
    assert checksum in text
    (tmp_path / "dataset.json").write_text(text.replace(checksum, "f" * 16))
    for start in (
        lambda: loop.train_and_evaluate(config, tmp_path),
        lambda: loop.evaluate_checkpoint(tmp_path),
    ):
        with pytest.raises(
            UserError, match=f"checksum ffffffffffffffff there and .*{checksum} here"
        ):
            start()


def test_a_backbone_that_cannot_be_exported_is_refused_before_data_are_read(config, tmp_path):
    config.model.head.name = "classifier"
    config.model.backbone.name = "flattened"
    config.data.dir = "/nowhere"
    with pytest.raises(UserError, match=r"cannot be exported .*use x.shape\[0\]") as error:
        loop.train_and_evaluate(config, tmp_path / "run")
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()
