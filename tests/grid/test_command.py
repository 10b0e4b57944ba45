"""The command as a person meets it: real trainings on the digits, killed on the way."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxhash.cli import overrides
from jaxhash.errors import UserError
from jaxhash.grid import command
from jaxhash.grid.run import Run
from jaxhash.runs import workdir
from tests.grid import small

ROOT = Path(__file__).parents[2]


@pytest.fixture
def grid(tmp_path, data_dir):
    """Starts the grid of two seeds that all tests here are about, with more arguments."""
    config = small.config(tmp_path)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    started = []

    def start(*more):
        fixed = (f"--config={config}", f"--config.data.dir={data_dir}", f"--out={tmp_path / 'out'}")
        process = subprocess.Popen(
            [sys.executable, "launch/grid.py", *fixed, "--sweep", "bits=8", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            kill(process)


def kill(process):
    """Kills a grid and its runs, as a machine that fails does; returns how many runs there were."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for number in (process.pid, *map(int, children)):
        os.kill(number, signal.SIGKILL)
    process.communicate()
    return len(children)


def wait_for_a_checkpoint(process, run):
    while not workdir.has_checkpoint(run.folder):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    assert not run.finished(), "over before it could be cut: train for longer"


def starts(run):
    """Counts how often a run was started."""
    log = (run.folder / "log.txt").read_text()
    return sum(line.startswith("$ ") for line in log.splitlines())


@pytest.mark.slow
def test_what_is_done_is_kept_and_what_was_cut_goes_on(grid, tmp_path):
    runs = [Run(tmp_path / "out" / f"small,bits=8,seed={seed}", "", ()) for seed in range(2)]
    one, other = runs

    killed = grid("--seeds=2")
    wait_for_a_checkpoint(killed, one)
    assert kill(killed) == 1

    interrupted = grid("--seeds=2")
    wait_for_a_checkpoint(interrupted, other)
    assert one.finished() and starts(one) == 2
    assert "resumed at step" in (one.folder / "log.txt").read_text()
    results = (one.folder / "results.json").stat()
    os.killpg(interrupted.pid, signal.SIGINT)  # as Ctrl-C does to all that the terminal reaches
    out, err = interrupted.communicate(timeout=300)
    assert interrupted.returncode == 1
    assert "1 of 2 runs are left; the same command continues" in err
    assert "SIGTERM: saved" in (other.folder / "log.txt").read_text()

    last = grid("--seeds=2")
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert [starts(run) for run in runs] == [2, 2]
    assert (one.folder / "results.json").stat() == results
    assert "resumed at step" in (other.folder / "log.txt").read_text()

    values = [json.loads((run.folder / "results.json").read_text())["map"] for run in runs]
    mean, deviation = sum(values) / 2, abs(values[0] - values[1]) / 2**0.5
    row = f"| small | {mean:.4f} +- {deviation:.4f} |"
    assert row in (tmp_path / "out" / "table.md").read_text() and row in out
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        _, line = csv.reader(file)
    assert line[:6] == ["digits", "digits", "mAP", "small", "8", "2"]
    assert abs(float(line[6]) - mean) < 1e-9
    with (tmp_path / "out" / "runs.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["seed"] for row in rows] == ["0", "1"]
    assert [float(row["map"]) for row in rows] == pytest.approx(values, rel=1e-5)

    listed, _ = grid("--seeds=2", "--list").communicate()
    assert [line.split()[0] for line in listed.splitlines()] == ["done", "done"]


@pytest.mark.slow
def test_the_second_run_of_a_process_is_the_one_that_trains_alone(grid, tmp_path, data_dir):
    process = grid("--seeds=2")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    second = tmp_path / "out" / "small,bits=8,seed=1"
    alone = tmp_path / "alone"
    config = f"--config={small.config(tmp_path)}:bits=8"
    given = [config, "--config.seed=1", f"--config.data.dir={data_dir}", f"--workdir={alone}"]
    subprocess.run([sys.executable, "-m", "jaxhash.main", *given], check=True, cwd=ROOT)
    results, losses = [], []
    for folder in (second, alone):
        numbers = json.loads((folder / "results.json").read_text())
        results.append({name: numbers[name] for name in ("map", "bit_balance", "precision_at")})
        rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        losses.append([row["train/loss"] for row in rows if "train/loss" in row])
    assert results[0] == results[1] and losses[0] == losses[1] and losses[0]


def test_a_failed_run_is_told_and_the_others_are_in_the_table(grid, tmp_path):
    done = Run(tmp_path / "out" / "small,bits=8,model.weights=none,seed=0", "", ())
    with workdir.claimed(done.folder, overrides.build(f"{small.config(tmp_path)}:bits=8", [])):
        pass
    small.finish(done, dataset="digits", protocol="digits", bits=8)
    failing = grid("--sweep", "model.weights=none,nowhere.safetensors")
    out, err = failing.communicate(timeout=300)
    assert failing.returncode == 1
    name = "small,bits=8,model.weights=nowhere.safetensors,seed=0"
    assert f"failed: {name}: jaxhash: " in err and f"see {tmp_path}/out/{name}/log.txt" in err
    assert "nowhere.safetensors" in err.splitlines()[-2]
    assert "| dhida-small | " in out


def test_a_dry_run_prints_commands_that_can_be_run_and_starts_nothing(tmp_path, capsys):
    out = tmp_path / "out"
    assert command.main(["--config=configs/dhida.py", "--list", f"--out={out}", "--seeds=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["new", "new"]
    assert lines[1].endswith(
        f"-m jaxhash.main --config=configs/dhida.py --config.seed=1 --workdir={out}/dhida,seed=1"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--config is missing"),
        (["--config=configs/dhida.py", "bits=16"], "unexpected argument 'bits=16'"),
        (
            ["--config=configs/dhida.py", "--config.sed", "1"],
            "unknown config key 'sed': did you mean seed?",
        ),
        (["--config=configs/dhida.py", "--jobs=0"], "--jobs: expected a whole number from 1, not"),
        (["--config=configs/dhida.py", "--seeds=x"], "--seeds: expected a whole number from 1"),
        (["--config=configs/dhida.py", "--time=0"], "--time: expected a whole number from 1"),
        (["--config=configs/dhida.py", "--gpus=-1"], "--gpus: expected a whole number from 0"),
        (["--config=configs/dhida.py", "--sweeps=bits=1"], "unknown flag '--sweeps': did you mean"),
        (["--config=configs/nope.py"], "no such file"),
        (["--config=configs/dhida.py", "--sbatch=me"], "--sbatch=me: expected NAME=VALUE"),
        (["--config=configs/dhida.py", "--sweep", "bits=1,x"], "bits=x: expected int"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, tmp_path):
    with pytest.raises(UserError) as error:
        command.main([*arguments, f"--out={tmp_path / 'out'}"])
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
