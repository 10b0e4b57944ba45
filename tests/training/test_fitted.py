"""Runs whose hash layer a shallow method fits: through the same command, without a step."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import config as configs
from jaxhash import registry, shallow
from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import Encoder
from jaxhash.encoders.exported import Exported
from jaxhash.encoders.exporter import export_encoder
from jaxhash.errors import UserError
from jaxhash.metrics.evaluate import evaluate
from jaxhash.metrics.exact import Described, cosine_map
from jaxhash.metrics.hamming import Coded
from jaxhash.runs.workdir import RESULTS
from jaxhash.training import loop, measurement
from jaxhash.training.experiment import Experiment

METHODS = [name for name in registry.names("jaxhash.shallow") if name != "none"]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(measurement, "_draw", lambda *arguments: None)


def config_of(method, bits=12):
    return configs.load(f"configs/baselines/{method}.py:bits={bits},dataset=digits,scale=quick")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_results_are_those_of_the_method_on_the_pixels(method, tmp_path):
    config = config_of(method)
    if method in ("ksh", "sdh"):
        config.model.shallow[method].anchors = 100
    results = loop.train_and_evaluate(config, tmp_path / "run")
    assert results["steps"] == 0 and results["name"] == f"{method}-quick"
    experiment = Experiment(config)
    split, pool = experiment.data.split, experiment.data.pool

    @jax.jit
    def pixels(positions):
        images = experiment.augment.for_encoding(jnp.asarray(pool.pixels)[positions])
        return images.reshape(positions.shape[0], -1)

    # In float16, as from a trunk's cache.
    kept = np.asarray(jax.jit(lambda x: pixels(x).astype(jnp.float16))(split.train), np.float64)
    function = shallow.build(config.model.shallow).fit(kept, experiment.data.train_labels, 12, 0)
    queries, database = (
        Coded(
            np.packbits(function.project(np.asarray(pixels(part), np.float64)) >= 0, axis=1),
            pool.labels[part],
        )
        for part in (split.query, split.database)
    )
    expected = evaluate(queries, database, 12, None)
    assert results["map"] == pytest.approx(expected["map"], abs=2e-3)  # bits whose u is about 0
    assert results["map"] > 0.25


def test_a_run_is_found_finished_and_fitted_once(tmp_path, monkeypatch, capsys):
    config, folder = config_of("itq"), tmp_path / "run"
    first = loop.train_and_evaluate(config, folder)
    assert loop.train_and_evaluate(config, folder)["map"] == first["map"]
    assert "is finished" in capsys.readouterr().out
    (folder / RESULTS).unlink()  # killed between the fit and its measurement

    def again(self, state):
        raise AssertionError("fitted again")

    monkeypatch.setattr(Experiment, "fit", again)
    assert loop.train_and_evaluate(config, folder)["map"] == first["map"]
    assert loop.evaluate_checkpoint(folder)["map"] == first["map"]


@pytest.mark.slow
def test_an_exact_search_by_what_it_is_fitted_to(tmp_path):
    """Free to ask for of a run that is finished."""
    config, folder = config_of("itq"), tmp_path / "run"
    assert "cosine_map" not in loop.train_and_evaluate(config, folder)
    config.eval.cosine = True
    found = loop.evaluate_checkpoint(folder, config)["cosine_map"]
    experiment = Experiment(config)
    split, pool = experiment.data.split, experiment.data.pool

    def described(positions):
        images = experiment.augment.for_encoding(jnp.asarray(pool.pixels)[positions])
        return Described(np.asarray(images).reshape(len(positions), -1), pool.labels[positions])

    exact = cosine_map(described(split.query), described(split.database))
    assert found == pytest.approx(exact, abs=1e-4)  # of float16


def test_an_encoder_of_it_encodes_and_is_exported(tmp_path):
    loop.train_and_evaluate(config_of("sdh", bits=9), tmp_path / "run")
    encoder = Encoder.from_checkpoint(tmp_path / "run")
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1)).astype(np.uint8)
    codes = compiled(encoder, 5)(images)
    assert codes.shape == (5, 2) and len(np.unique(codes, axis=0)) > 1
    exported = Exported.load(export_encoder(tmp_path / "run", tmp_path / "out"))
    np.testing.assert_array_equal(compiled(exported, 5)(images), codes)


def test_only_what_a_fitted_run_uses_is_compared(tmp_path):
    config, folder = config_of("lsh"), tmp_path / "run"
    loop.train_and_evaluate(config, folder)
    config.optim.lr, config.loss.name = 1.0, "dah"
    loop.train_and_evaluate(config, folder)  # not another run
    config.model.shallow.name = "pcah"
    with pytest.raises(UserError, match=r"model\.shallow\.name is lsh there and pcah here"):
        loop.train_and_evaluate(config, folder)


@pytest.mark.slow
def test_a_workdir_of_a_version_without_shallow_methods_is_opened(tmp_path, tiny):
    with tiny.unlocked():
        tiny.train.total_steps = 2
    loop.train_and_evaluate(tiny, tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    del saved["model"]["shallow"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    assert loop.evaluate_checkpoint(tmp_path)["steps"] == 2


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("train", {"total_epochs": 2.0}, r"train.total_epochs: \d+ steps of training, and "),
        ("model", {"hash_norm": True}, r"model.hash_norm=True: the hash layer of .*=itq is fitted"),
        ("model", {"bits": 300}, r"300 bits: 1,000 vectors of 256 dimensions have at most 256 "),
    ],
)
def test_what_cannot_be_fitted(section, values, message, tmp_path):
    config = config_of("itq")
    config[section].update(values)
    with pytest.raises(UserError, match=rf"^{message}"):
        loop.train_and_evaluate(config, tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))
