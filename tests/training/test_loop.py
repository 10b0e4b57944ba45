"""The whole walk on the digits: train, be killed, resume, measure, draw."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto import event_pb2

from jaxhash import config as configs
from jaxhash.data import sampler
from jaxhash.errors import UserError
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import read
from jaxhash.training import loop, preemption
from jaxhash.training.experiment import Experiment
from tests.training import small

RUN = """
import sys, json
from pathlib import Path
from jaxhash import config
from jaxhash.models import backbones
from jaxhash.training import loop, measurement
from tests.training import small
backbones.__path__.append(str(small.BACKBONES))
measurement.SHOWN_QUERIES = measurement.SHOWN_HITS = 3
loop.train_and_evaluate(config.from_json(Path(sys.argv[1])), sys.argv[2])
"""


@pytest.fixture
def tiny(tiny):
    """With the smallest network that has attention: the loop does not depend on it."""
    return small.one_convolution(tiny, attention="ida")


def final_state(folder):
    with Checkpoints(folder) as checkpoints:
        return checkpoints.latest(), checkpoints.read()


def assert_same_run(one, other):
    """Bit for bit the same state, and the same rows but for speed."""
    (step, mine), (other_step, theirs) = final_state(one), final_state(other)
    assert step == other_step
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        assert np.array_equal(a, b)
    rows = [
        [{k: v for k, v in row.items() if "per_second" not in k} for row in read(folder)]
        for folder in (one, other)
    ]
    assert rows[0] == rows[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "whole"


@pytest.fixture
def finished(whole, tiny):
    """A run past two checkpoints and two evaluations, made once."""
    if not (whole / "results.json").exists():
        loop.train_and_evaluate(tiny, whole)
    return whole


def test_a_run_leaves_everything_it_promises(finished, tiny):
    results = json.loads((finished / "results.json").read_text())
    for name in ("map", "map_index", "precision_at_radius_2"):
        assert 0 <= results[name] <= 1
    assert (results["bits"], results["seed"]) == (12, 0)
    assert (results["protocol"], results["weights"]) == ("digits", "none")
    assert results["config"]["optim"]["lr"] == tiny.optim.lr
    assert results["provenance"]["code"].startswith("0.") and results["provenance"]["hardware"]
    assert results["at_start"]["map"] == read(finished)[0]["eval/map"]

    steps = [row["step"] for row in read(finished)]
    evaluated = [row["step"] for row in read(finished) if "eval/map" in row]
    assert evaluated == [0, 5, 10] and steps[-1] == 12
    checkpoints = {int(path.name) for path in (finished / "checkpoints").iterdir()}
    assert checkpoints == {4, 8, 12}
    for name in ("curves.png", "retrieval.png", "attention.png"):
        pixels = np.asarray(Image.open(finished / name).convert("L"))
        assert min(pixels.shape) > 200 and pixels.std() > 10


def test_tensorboard_events_hold_the_same_scalars(finished):
    scalars = {}
    for path in (finished / "events").iterdir():
        content = path.read_bytes()
        while content:  # records: length, its checksum, the event, its checksum
            length = int.from_bytes(content[:8], "little")
            event = event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                scalars[value.tag, event.step] = value.simple_value
    last = read(finished)[-1]
    np.testing.assert_allclose(scalars["train/loss", 12], last["train/loss"], rtol=1e-6)


def test_a_finished_run_is_shown_and_not_repeated(finished, tiny, capsys):
    before = (finished / "results.json").stat().st_mtime_ns
    assert loop.train_and_evaluate(tiny, finished)["bits"] == 12
    assert (finished / "results.json").stat().st_mtime_ns == before
    assert "is finished" in capsys.readouterr().out


def test_evaluate_gives_the_same_numbers_again(finished):
    before = json.loads((finished / "results.json").read_text())
    after = loop.evaluate_checkpoint(finished)
    for name in ("map", "map_index", "precision_recall", "bit_balance", "at_start"):
        assert after[name] == before[name]


@pytest.mark.slow
def test_a_run_that_is_evaluated_before_its_end_goes_on(finished, tiny, tmp_path, capsys):
    run, before = tmp_path / "run", json.loads((finished / "results.json").read_text())
    shutil.copytree(finished, run)
    shutil.rmtree(run / "checkpoints" / "12")
    (run / "results.json").unlink()
    assert loop.evaluate_checkpoint(run)["steps"] == 8
    printed = capsys.readouterr().out
    assert "step 8 of 12: the run is not finished; these results are in " in printed
    assert "10 classes: largest 3 (183 images), smallest 8 (174 images)" in printed
    assert not (run / "results.json").exists()
    assert json.loads((run / "results-8.json").read_text())["steps"] == 8
    after = loop.train_and_evaluate(tiny, run)
    assert (after["steps"], after["map"]) == (12, before["map"])
    assert "10 classes: largest 3 (183 images)" in capsys.readouterr().out


def test_evaluate_does_without_deleted_metrics(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").unlink()
    assert loop.evaluate_checkpoint(tmp_path / "run")["at_start"] is None


def test_another_config_is_refused_with_the_difference_named(finished, tiny):
    with tiny.unlocked():
        tiny.model.bits = 16
    with pytest.raises(UserError, match="model.bits is 12 there and 16 here"):
        loop.train_and_evaluate(tiny, finished)


@pytest.mark.slow
def test_a_stop_saves_and_the_resumed_run_is_the_uninterrupted_one(
    finished, tiny, tmp_path, monkeypatch
):
    """A signal in the middle of an epoch, at a step where no checkpoint was due."""
    shuffled, calls = sampler.shuffled, []

    def stopping(*args):
        calls.append(args)
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return shuffled(*args)

    monkeypatch.setattr(sampler, "shuffled", stopping)
    assert loop.train_and_evaluate(tiny, tmp_path / "run") is None
    assert not (tmp_path / "run" / "results.json").exists()
    assert loop.train_and_evaluate(tiny, tmp_path / "run") is not None
    assert len(calls) == 12
    assert_same_run(finished, tmp_path / "run")


@pytest.mark.slow
def test_sigterm_ends_the_process_with_exit_code_0(tiny, tmp_path):
    with tiny.unlocked():
        tiny.train.total_steps = 100_000
        tiny.checkpoint.every_steps = 50_000
    process = start(tiny, tmp_path)
    wait_for_rows(tmp_path / "run", 4)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "SIGTERM: saved" in output
    with Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest() >= 4


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing_that_was_saved(finished, tiny, tmp_path):
    """Saving at every step, killed three times at random moments, finished, and compared."""
    with tiny.unlocked():
        tiny.checkpoint.every_steps = 1
    moments = np.random.RandomState(0)
    saved = 0
    for _ in range(3):
        process = start(tiny, tmp_path)
        wait_for_rows(tmp_path / "run", 1 if saved == 0 else saved)
        time.sleep(moments.uniform(0, 0.6))
        process.kill()
        process.communicate()
        with Checkpoints(tmp_path / "run") as checkpoints:
            latest = checkpoints.latest() or 0
            assert latest >= saved
            if latest:
                checkpoints.restore(Experiment(tiny).random_state())
            saved = latest
    loop.train_and_evaluate(tiny, tmp_path / "run")
    assert_same_run(finished, tmp_path / "run")


def test_nan_stops_the_run_and_leaves_the_last_good_checkpoint(tiny, tmp_path):
    with tiny.unlocked():
        tiny.optim.update(name="sgd", lr=1e3)
        tiny.checkpoint.every_steps = 1
    with pytest.raises(UserError, match=r"is (nan|inf) at step \d+.*lower optim.lr"):
        loop.train_and_evaluate(tiny, tmp_path / "run")
    _, state = final_state(tmp_path / "run")
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state["params"]))


def test_a_checkpoint_of_other_bits_is_refused(finished, tiny, tmp_path):
    with tiny.unlocked():
        tiny.model.bits = 16
    with (
        Checkpoints(finished) as checkpoints,
        pytest.raises(
            UserError, match=r"does not fit this config.*hash.*\(12,\) there and \(16,\) here"
        ) as error,
    ):
        checkpoints.restore(Experiment(tiny).random_state())
    assert "\n" not in str(error.value)


def test_bad_folders_are_refused_and_stay_as_they_are(tiny, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    for folder, message in [
        (tmp_path / "file", "cannot be written"),
        (tmp_path / "file" / "run", "cannot be written"),
        (tmp_path / "other", "holds no run"),
    ]:
        with pytest.raises(UserError, match=message):
            loop.train_and_evaluate(tiny, folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "other", "thesis.tex"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.bits": 0}, "model.bits=0: expected"),
        ({"data.name": "cifar11"}, "did you mean cifar10"),
        ({"data.protocol": "digit"}, "did you mean digits"),
        ({"model.backbone.name": "resnet19"}, "did you mean resnet1"),
        ({"model.attention.name": "idea"}, "did you mean ida"),
        ({"model.attention.nodes": ("stage5",)}, "'stage5': one_convolution offers last"),
        ({"loss.name": "dhidda"}, "did you mean dhida"),
        ({"optim.name": "adamm"}, "did you mean adam"),
        ({"train.batch_size": 2000}, "only 1000 training images"),
        ({"train.total_steps": 0}, "train.total_steps=0: expected a whole number from 1"),
        ({"model.weights": "/nowhere/x.safetensors"}, "no such file"),
        ({"devices": 100}, "devices=100: this machine has 8"),
        ({"data.mean": (0.5, 0.5, 0.5)}, "data.mean has 3 channels, data.std has 1"),
        (
            {"data.mean": (0.5,) * 3, "data.std": (0.5,) * 3},
            "data.mean has 3 channels, the images of digits have 1$",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_before_a_folder_is_made(tiny, tmp_path, change, message):
    with tiny.unlocked():
        tiny.update_from_flattened_dict(change)
    with pytest.raises(UserError, match=message) as error:
        loop.train_and_evaluate(tiny, tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def interruptible():
    """Ctrl-C as on a terminal: where tests run in the background, it may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_takes_its_usual_way(interruptible):
    with pytest.raises(KeyboardInterrupt), preemption.Stopping() as stop:
        signal.raise_signal(signal.SIGINT)
        stop.share(lambda number: number)
        assert stop.requested == "SIGINT"
        signal.raise_signal(signal.SIGINT)


def start(config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(configs.to_json(config))
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(path), str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def wait_for_rows(folder, step):
    """Waits until the run has written a row of this step."""
    for _ in range(1200):
        if any(row["step"] >= step for row in read(folder)):
            return
        time.sleep(0.05)
    raise AssertionError(f"no row of step {step} within a minute")
