"""Losses that compare views of an image, and those that prepare something before training."""

import jax
import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.losses import bgan, cnnh
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import read
from jaxhash.training import loop, measurement
from jaxhash.training.experiment import Experiment
from jaxhash.training.trunk import Features
from tests.training.test_trunk import stopping

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)
    monkeypatch.setenv("JAXHASH_FEATURES", str(tmp_path / "features"))


@pytest.fixture
def config(tiny):
    with tiny.unlocked():
        tiny.data.update(pad=1, flip=True)
        tiny.train.total_steps = 6
        tiny.eval.update(at_start=False, every_steps=0)
        tiny.log.every_steps = 1
        tiny.checkpoint.every_steps = 3
    return tiny


def leaves(config, folder):
    with Checkpoints(folder) as checkpoints:
        return jax.tree.leaves(checkpoints.restore(Experiment(config).random_state()))


def losses(folder):
    return [row["train/loss"] for row in read(folder) if "train/loss" in row]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("freeze", "stream"), [("none", "never"), ("stage2", "never"), ("stage2", "always")]
)
def test_views_resume_bit_for_bit_in_memory_and_streamed(
    config, tmp_path, monkeypatch, freeze, stream
):
    config.loss.name = "cibhash"
    config.train.update(freeze=freeze, views=3)
    config.data.stream = stream
    loop.train_and_evaluate(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stopping(config, 3, patch)
        assert loop.train_and_evaluate(config, tmp_path / "cut") is None
    loop.train_and_evaluate(config, tmp_path / "cut")
    whole, cut = leaves(config, tmp_path / "whole"), leaves(config, tmp_path / "cut")
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))
    assert min(losses(tmp_path / "whole")) > 0.1  # the views differ: equal ones would give 0


@pytest.mark.slow
def test_views_do_not_depend_on_the_number_of_devices(config, tmp_path):
    config.loss.name, found = "cibhash", []
    for devices in (1, 2):
        config.devices = devices
        loop.train_and_evaluate(config, tmp_path / str(devices))
        found.append(losses(tmp_path / str(devices)))
    np.testing.assert_allclose(found[0][:2], found[1][:2], rtol=1e-4)


def test_the_views_of_a_step_are_different_ones_and_take_turns():
    kept = Features(np.arange(4), np.zeros((4, 1)), np.arange(4), np.zeros((12, 1)))
    rows = [kept.row(np.array([2, 0]), epoch, views=2) for epoch in range(3)]
    # Three views of each of four images: view v of image i is row 4 v + i.
    assert [row.tolist() for row in rows] == [[10, 2, 0, 4], [6, 10, 8, 0], [2, 6, 4, 8]]


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("data", {"pad": 0, "flip": False}, r"without augmentation they are equal"),
        (
            "train",
            {"freeze": "stage2", "views": 1},
            r"train\.views=1 are kept; use 2 or more, or 0",
        ),
    ],
)
def test_views_that_would_be_equal_are_refused(config, section, values, message):
    config.loss.name = "cibhash"
    config[section].update(values)
    with pytest.raises(UserError, match=rf"^loss\.name=cibhash compares 2 views .*{message}"):
        Experiment(config)


@pytest.mark.slow
@pytest.mark.parametrize("freeze", ["none", "all"])
def test_what_is_prepared_is_so_once_and_by_the_network_before_training(
    config, tmp_path, monkeypatch, freeze
):
    config.loss.name = "bgan"
    config.loss.bgan.update(nearest=3, shared=2)
    config.train.freeze = freeze
    given, prepare = [], bgan.neighbours

    def neighbours(features, *options):
        given.append(features)
        return prepare(features, *options)

    monkeypatch.setattr(bgan, "neighbours", neighbours)
    with monkeypatch.context() as patch:
        stopping(config, 4, patch)
        assert loop.train_and_evaluate(config, tmp_path / "run") is None
    loop.train_and_evaluate(config, tmp_path / "run")
    loop.evaluate_checkpoint(tmp_path / "run")
    assert len(given) == 1
    experiment = Experiment(config)
    state = experiment.random_state()
    pixels = experiment.data.pool.pixels[experiment.data.split.train[:20]]
    x = experiment.augment.for_encoding(pixels)
    expected = experiment.model.apply(state.variables, x).features
    np.testing.assert_allclose(given[0][:20], expected, rtol=2e-3, atol=2e-3)
    with Checkpoints(tmp_path / "run") as checkpoints:
        lists, done, total = checkpoints.restore(state).loss_state
    np.testing.assert_array_equal(lists, prepare(given[0], 3, 2))
    assert (done, total) == (6, 6)


def test_a_loss_that_cannot_prepare_leaves_a_line_and_no_checkpoint(config, tmp_path, monkeypatch):
    config.loss.name = "cnnh"
    monkeypatch.setattr(cnnh, "MOST_IMAGES", 100)
    with pytest.raises(UserError, match=r"^loss\.name=cnnh compares all training images"):
        loop.train_and_evaluate(config, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))
