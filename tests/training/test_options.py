"""What is off by default: an average of the weights, held-out images, another tracker."""

import os
import signal

import jax
import numpy as np
import pytest

from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import read
from jaxhash.training import loop, measurement
from jaxhash.training.experiment import Experiment
from tests.training import small


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)


@pytest.fixture
def config(tiny):
    """Every option at once, on a network of one convolution."""
    with small.one_convolution(tiny).unlocked():
        tiny.data.held_out = 0.2
        tiny.optim.update(name="adamw", lr=0.01, clip_norm=0.01, average=0.9)
        tiny.train.update(batch_size=200, total_steps=6)
        tiny.eval.every_steps = 3
    return tiny


def leaves(folder):
    with Checkpoints(folder) as checkpoints:
        return jax.tree.leaves(checkpoints.read())


def rows(folder):
    return [{k: v for k, v in row.items() if "per_second" not in k} for row in read(folder)]


@pytest.mark.slow
def test_a_run_with_every_option_resumes_bit_for_bit(config, tmp_path, monkeypatch):
    tracked = []
    results = loop.train_and_evaluate(
        config, tmp_path / "whole", lambda step, row: tracked.append({"step": step, **row})
    )
    assert tracked == read(tmp_path / "whole")
    measured = [row["step"] for row in tracked if "eval/held_out_map" in row]
    assert measured == [0, 3] and 0 < results["held_out_map"] < 1

    order = Experiment.batches

    def stopping(self, start):
        for number, batch in enumerate(order(self, start)):
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "batches", stopping)
        assert loop.train_and_evaluate(config, tmp_path / "cut") is None
    assert loop.train_and_evaluate(config, tmp_path / "cut")["map"] == results["map"]
    for a, b in zip(leaves(tmp_path / "whole"), leaves(tmp_path / "cut"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_the_average_is_what_is_measured_and_opened(config, tmp_path):
    results = loop.train_and_evaluate(config, tmp_path)
    with Checkpoints(tmp_path) as checkpoints:
        kept = checkpoints.read()
    encoder = Encoder.from_checkpoint(tmp_path)
    for part in ("params", "batch_stats"):
        pairs = zip(
            jax.tree.leaves(encoder.variables[part]),
            jax.tree.leaves(kept["average"][part]),
            jax.tree.leaves(kept[part]),
            strict=True,
        )
        for opened, average, last in pairs:
            np.testing.assert_array_equal(opened, average)
            assert (average != last).any()
    experiment = Experiment(config)
    split, pool = experiment.data.split, experiment.data.pool
    codes = np.asarray(encoder.encode(encoder.variables, pool.pixels[split.database]))
    ones = np.unpackbits(codes, axis=1)[:, :12].mean(axis=0)
    np.testing.assert_allclose(results["bit_balance"], ones, atol=2e-3)


def test_held_out_images_are_neither_trained_on_nor_searched_as_queries(config):
    experiment = Experiment(config)
    split = experiment.data.split
    assert (len(split.train), len(split.held_out), experiment.steps_per_epoch) == (800, 200, 4)
    assert len(experiment.data.train_labels) == 800
    assert not set(split.held_out) & (set(split.train) | set(split.query))


def test_learnt_codes_of_a_database_that_holds_them_out_are_refused(config, tmp_path):
    with config.unlocked():
        config.loss.name = "hrmpa"
        config.loss.hrmpa.db_codes = "learnt"
        config.data.protocol = "digits_transductive"
    with pytest.raises(UserError, match="data.held_out=0.2: loss.name=hrmpa learns"):
        loop.train_and_evaluate(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
