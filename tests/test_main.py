"""The command line: what it refuses, and the command of the README."""

import subprocess
import sys
from pathlib import Path

import pytest

from jaxhash import main as command

ROOT = Path(__file__).parents[1]
QUICKSTART = "--config=configs/quickstart.py"
SMALL = (
    "--config.model.backbone.name=alexnet",
    "--config.model.backbone.alexnet.stem=3x3",
    "--config.model.backbone.alexnet.width=4",
    "--config.model.backbone.alexnet.hidden=0",
)


def main(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "jaxhash.main", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--config is missing; try --config=configs/quickstart.py"),
        (("--config=configs/nope.py",), "no such file; the configs are in configs/"),
        (
            (QUICKSTART, "--config.model.bitz=3"),
            "unknown config key 'model.bitz': did you mean model.bits?",
        ),
        (
            (QUICKSTART, "--config.model.bits=7.5"),
            "model.bits=7.5: expected a whole number",
        ),
        ((QUICKSTART, "--config.optim.lr=fast"), "optim.lr=fast: expected a number"),
        ((QUICKSTART, "--config.model.bits=0"), "model.bits=0: expected a whole number from 1"),
        ((QUICKSTART + ":bits=7.5",), "bits=7.5: expected int"),
        ((QUICKSTART + ":bit=8",), "unknown config argument 'bit': did you mean bits?"),
        (("--config=configs/dhida.py:dataset=cifar01",), "did you mean cifar10?"),
        (
            ("--config=configs/dhida.py", "--config.data.dir=/nowhere"),
            "data.dir=/nowhere: no such folder",
        ),
        ((QUICKSTART, "--workdir=/dev/null/run"), "cannot be written"),
        ((QUICKSTART, "--modes=train"), "unknown flag '--modes': did you mean --mode?"),
        ((QUICKSTART, "--mode=trian"), "--mode: invalid choice: 'trian' (choose from "),
        ((QUICKSTART, "--lost_after=1"), "--lost_after: expected a whole number from 2, not 1"),
        (("--workdir=x", "--mode=evaluate", "--config.seed=1"), "give --config=FILE too"),
        ((*QUICKSTART.split("="), "--config.optim.lrr=3"), "did you mean optim.lr?"),
        ((QUICKSTART, "--config.data.std=(0.,)"), "data.std=(0.0,): expected a number above 0"),
        ((QUICKSTART, "workdir=x"), "unexpected argument 'workdir=x'"),
        (("--mode=evaluate",), "--mode=evaluate needs --workdir"),
        (("--mode=explain", "--workdir=/nowhere"), "--mode=explain needs --images="),
        (("--mode=explain", "--workdir=/nowhere", "--images=a.png"), "must name the folder of a"),
        (("--mode=explain", "--coordinator=auto"), "--mode=explain takes one process"),
        ((QUICKSTART, "--coordinator=here"), "--coordinator=here: expected HOST:PORT, or auto"),
        ((QUICKSTART, "--coordinator=a:1"), "needs --process_id and --num_processes"),
        ((QUICKSTART, "--num_processes=2"), "go with --coordinator=HOST:PORT"),
        (
            (QUICKSTART, "--coordinator=a:1", "--process_id=2", "--num_processes=2"),
            "--process_id=2: expected 0 to 1, for --num_processes=2",
        ),
        (("--mode=evaluate", "--workdir=/nowhere"), "must name the folder of a run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["jaxhash", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.run()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert err.startswith("jaxhash: ") and message in err and err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config=configs/nope.py",), "no such file"),
        ((QUICKSTART, "--coordinator=auto"), "found no SLURM or Open MPI job, TPU pod or GKE"),
    ],
)
def test_a_process_of_its_own_ends_so_too(arguments, message):
    done = main(*arguments)
    assert done.returncode == 2 and message in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_help_helps():
    done = main("--help")
    for word in ("configs/quickstart.py", "--workdir", "--mode", "evaluate"):
        assert word in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_quickstart_runs_from_the_command_line(tmp_path, data_dir):
    """The README's command with a network that compiles quickly, for a few steps."""
    folder = tmp_path / "run"
    done = main(
        QUICKSTART,
        f"--workdir={folder}",
        f"--config.data.dir={data_dir}",
        "--config.train.total_steps=2",
        "--config.devices=1",
        *SMALL,
    )
    assert done.returncode == 0, done.stderr
    assert "1,000 train, 100 query, 697 database images" in done.stdout
    assert "at start   trained" in done.stdout and "mAP, ties averaged" in done.stdout
    assert (folder / "retrieval.png").exists()
    again = main("--mode=evaluate", f"--workdir={folder}")
    assert again.returncode == 0 and "mAP, ties averaged" in again.stdout
