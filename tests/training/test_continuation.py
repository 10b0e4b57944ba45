"""From one run to the next: another run's network as initial weights, and more steps."""

import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

from jaxhash import config as configs
from jaxhash import main
from jaxhash.encoders.exporter import export_encoder
from jaxhash.errors import UserError
from jaxhash.models import backbones
from jaxhash.runs import disk, origin
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import read
from jaxhash.training import extension, loop, measurement, optimizers
from jaxhash.training.experiment import Experiment

SMALL = Path(__file__).parents[1] / "distributed" / "hosts" / "backbones"


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbones, "__path__", [*backbones.__path__, str(SMALL)])
        patch.setattr(measurement, "_draw", lambda *arguments: None)
        yield


@pytest.fixture
def config(tiny):
    with tiny.unlocked():
        tiny.model.backbone = configs.base().model.backbone
        tiny.model.backbone.name = "one_convolution"
        tiny.model.attention.name = "none"
        tiny.optim.update(name="adam", lr=0.01, schedule="cosine")
        tiny.train.total_steps = 4
        tiny.checkpoint.every_steps = 3
        tiny.log.every_steps = 1
        tiny.eval.update(at_start=False, every_steps=0)
    return tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("first")


@pytest.fixture
def first(config, home):
    """A finished run of 4 steps, made once."""
    if not (home / "run" / "results.json").exists():
        loop.train_and_evaluate(config, home / "run")
    return home / "run"


@pytest.fixture
def run(first, tmp_path):
    """A copy of it."""
    shutil.copytree(first, tmp_path / "run")
    return tmp_path / "run"


def change(config, **values):
    with config.unlocked():
        config.update_from_flattened_dict({k.replace("__", "."): v for k, v in values.items()})
    return config


def kept(folder):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.read()


def assert_equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def rows(folder):
    return [{k: v for k, v in row.items() if "per_second" not in k} for row in read(folder)]


@pytest.mark.slow
@pytest.mark.parametrize("exported", [False, True])
def test_a_run_starts_from_the_network_of_another(first, config, tmp_path, capsys, exported):
    source = export_encoder(first, tmp_path / "encoder") if exported else first
    change(config, model__weights=str(source), optim__lr=1e-3, train__total_steps=1)
    state, notes = Experiment(config).pretrained(Experiment(config).random_state())
    assert_equal(state.variables, {k: kept(first)[k] for k in ("params", "batch_stats")})
    assert notes["taken"] == ["backbone", "head"] and notes["random"] == {}
    assert notes["model"].startswith("tiny-12@4-")
    results = loop.train_and_evaluate(config, tmp_path / "next")
    noted = results["provenance"]["initialised_from"]
    assert noted == notes and results["weights"] == str(source)
    same = json.loads((first / "results.json").read_text())["split_checksum"]
    assert (noted["split"], noted["dataset"]) == ((None, None) if exported else (same, "digits"))
    printed = capsys.readouterr().out
    assert f"initial weights of {notes['model']}: backbone, head\n" in printed
    assert "trained on other splits" not in printed


def test_it_is_noted_from_the_start_and_stays_when_the_other_run_is_gone(run, config, tmp_path):
    change(config, model__weights=str(run), train__total_steps=6)
    stop_at(config, tmp_path / "next", 3)
    model = origin.read(tmp_path / "next").initialised_from["model"]
    shutil.rmtree(run)
    results = loop.train_and_evaluate(config, tmp_path / "next")
    assert results["provenance"]["initialised_from"]["model"] == model


@pytest.mark.slow
def test_of_other_bits_the_head_is_random_and_it_is_said(first, config, tmp_path, capsys):
    change(config, model__weights=str(first), model__bits=16, train__total_steps=1)
    results = loop.train_and_evaluate(config, tmp_path)
    noted = results["provenance"]["initialised_from"]
    assert (
        noted["taken"] == ["backbone"] and "(12,) there and (16,) here" in noted["random"]["head"]
    )
    assert "backbone; from random weights: head (" in capsys.readouterr().out
    random = Experiment(config).random_state()
    state, _ = Experiment(config).pretrained(random)
    assert_equal(state.params["head"], random.params["head"])
    assert_equal(state.params["backbone"], kept(first)["params"]["backbone"])


def test_attention_that_the_other_run_has_not_is_random(first, config):
    change(config, model__weights=str(first), model__attention__name="se")
    _, notes = Experiment(config).pretrained(Experiment(config).random_state())
    assert notes["random"] == {"attention_last": "there is none"}


def test_other_splits_of_the_same_data_are_told(first, config, capsys):
    change(config, model__weights=str(first), data__split_seed=1)
    experiment = Experiment(config)
    experiment.pretrained(experiment.random_state())
    assert "was trained on other splits of digits: queries here may be" in capsys.readouterr().out


@pytest.mark.slow
def test_another_backbone_is_refused(first, config, tmp_path):
    change(config, model__weights=str(first), model__backbone__name="resnet18")
    change(config, model__backbone__resnet__width=4, model__backbone__resnet__stem="3x3")
    with pytest.raises(
        UserError, match="its backbone is another, .*choose model.backbone"
    ) as error:
        loop.train_and_evaluate(config, tmp_path / "next")
    assert "\n" not in str(error.value) and not (tmp_path / "next").exists()


def test_a_folder_without_a_network_is_refused(config, tmp_path):
    (tmp_path / "empty").mkdir()
    change(config, model__weights=str(tmp_path / "empty"))
    with pytest.raises(UserError, match="model.weights=.*empty.*not found"):
        loop.train_and_evaluate(config, tmp_path / "next")


def stop_at(config, folder, step, **options):
    """Trains until a signal comes at a step."""
    batches = Experiment.batches

    def stopping(self, start):
        for number, batch in enumerate(batches(self, start), start + 1):
            if number == step:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Experiment, "batches", stopping)
        assert loop.train_and_evaluate(config, folder, **options) is None


@pytest.mark.slow
def test_a_finished_run_goes_on_for_longer(run, config, tmp_path, capsys):
    before, then = json.loads((run / "results.json").read_text()), kept(run)
    change(config, train__total_steps=7)
    with pytest.raises(UserError, match="train.total_steps is 4 there and 7 here"):
        loop.train_and_evaluate(config, run)
    shutil.copytree(run, tmp_path / "cut")
    results = loop.train_and_evaluate(config, run, extend=True)
    printed = capsys.readouterr().out
    assert "extended from step 4 to 7: a new cycle of optim.schedule=cosine over the 3" in printed
    assert "resumed at step 4 of 7" in printed
    assert results["provenance"]["extended"] == [4] and results["steps"] == 7
    assert "extended" not in before["provenance"]
    assert json.loads((run / "results-4.json").read_text()) == before
    assert [row["step"] for row in read(run)] == [*range(1, 8)]
    last = kept(run)
    assert last["step"] == 7
    with pytest.raises(AssertionError):
        assert_equal(last["params"], then["params"])

    # Killed at any step, it is the same; and the flag may stay on the command line, or go.
    stop_at(config, tmp_path / "cut", 6, extend=True)
    assert loop.train_and_evaluate(config, tmp_path / "cut")["map"] == results["map"]
    assert_equal(kept(tmp_path / "cut"), last)
    assert rows(tmp_path / "cut") == rows(run)
    capsys.readouterr()
    assert loop.train_and_evaluate(config, run, extend=True)["steps"] == 7
    assert "is finished" in capsys.readouterr().out
    assert loop.evaluate_checkpoint(run)["provenance"]["extended"] == [4]


@pytest.mark.slow
def test_an_extended_run_is_extended_again(run, config):
    loop.train_and_evaluate(change(config, train__total_steps=5), run, extend=True)
    results = loop.train_and_evaluate(change(config, train__total_steps=6), run, extend=True)
    assert results["provenance"]["extended"] == [4, 5]
    assert {"results.json", "results-4.json", "results-5.json"} <= set(os.listdir(run))


def test_the_moments_of_the_optimizer_go_on_and_the_schedule_begins_anew(run, config):
    """The first added step, by optax: Adam's moments of step 4, the rate of step 0."""
    loop.train_and_evaluate(change(config, train__total_steps=5), run, extend=True)
    with Checkpoints(run) as checkpoints:
        steps = {
            step: checkpoints._manager.restore(step)
            for step in disk.checkpoints(checkpoints._workdir)
        }
    step = jax.tree.map(lambda a, b: b - a, steps[4]["params"], steps[5]["params"])
    moments = next(s for s in steps[5]["opt_state"][1] if s and "mu" in s)
    assert moments["count"] == 5
    by_hand = jax.tree.map(
        lambda m, v: -0.01 * (m / (1 - 0.9**5)) / (np.sqrt(v / (1 - 0.999**5)) + 1e-8),
        moments["mu"],
        moments["nu"],
    )
    for a, b in zip(jax.tree.leaves(step), jax.tree.leaves(by_hand), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("schedule", optimizers.SCHEDULES)
def test_each_cycle_is_the_schedule_over_its_own_steps(schedule):
    config = configs.base().optim
    config.schedule = schedule
    whole = optimizers.cycles(config, 100, (30, 60))
    for start, length in ((0, 30), (30, 30), (60, 40)):
        alone = optimizers.schedule(config, length)
        for step in (0, 1, length // 2, length - 1):
            assert float(whole(start + step)) == pytest.approx(float(alone(step)), rel=1e-6)
    assert isinstance(optimizers.build(config, 100, (30,)), optax.GradientTransformation)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "has this length already; give a larger"),
        ({"train.total_steps": 3}, "give 3 steps, and the run in .* has done 4; expected more"),
        ({"train.total_steps": 8, "model.bits": 16}, "model.bits is 12 there and 16 here; give"),
    ],
)
def test_what_cannot_be_extended_is_refused_and_stays_as_it_is(run, config, values, message):
    before = {path: path.read_bytes() for path in run.glob("*.json")}
    with config.unlocked():
        config.update_from_flattened_dict(values)
    with pytest.raises(UserError, match=message) as error:
        loop.train_and_evaluate(config, run, extend=True)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in run.glob("*.json")} == before


def test_only_a_finished_run_is_extended(config, tmp_path):
    with pytest.raises(UserError, match="holds no run to extend"):
        loop.train_and_evaluate(config, tmp_path / "run", extend=True)
    assert not (tmp_path / "run").exists()
    stop_at(config, tmp_path / "run", 2)
    change(config, train__total_steps=8)
    with pytest.raises(UserError, match="is not finished, it is at step 2; first let it end"):
        loop.train_and_evaluate(config, tmp_path / "run", extend=True)
    with pytest.raises(UserError, match="--extend trains; leave out --mode=evaluate"):
        main.main(["--mode=evaluate", "--extend", "--workdir=x"])


class Killed(BaseException):
    pass


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_kill_while_it_is_extended_loses_no_results(run, config, monkeypatch, writes):
    """After the origin, after the results were put aside, and after the config."""
    before = json.loads((run / "results.json").read_text())
    left = [writes]

    def killing(function):
        def counted(*arguments):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return function(*arguments)

        return counted

    longer = change(config, train__total_steps=5).copy_and_resolve_references()
    with monkeypatch.context() as patch:
        patch.setattr(extension.origin, "write", killing(extension.origin.write))
        patch.setattr(extension.workdir, "write", killing(extension.workdir.write))
        with pytest.raises(Killed):
            loop.train_and_evaluate(longer, run, extend=True)
    if writes < 2:  # still the run that it was
        again = loop.train_and_evaluate(change(config, train__total_steps=4), run)
        assert again["map"] == before["map"] and again["steps"] == 4
        assert "extended" not in again["provenance"]
    results = loop.train_and_evaluate(longer, run, extend=True)
    assert results["steps"] == 5 and results["provenance"]["extended"] == [4]
    assert json.loads((run / "results-4.json").read_text())["map"] == before["map"]
