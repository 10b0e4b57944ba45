"""The command line as a person meets it, in processes of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICKSTART = "--config=configs/quickstart.py"


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
            "prepared under /nowhere",
        ),
        ((QUICKSTART, "--workdir=/dev/null/run"), "cannot be written"),
        ((QUICKSTART, "--modes=train"), "nknown command line flag 'modes'"),
        ((QUICKSTART, "--mode=trian"), "value should be one of <train|evaluate|explain>"),
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
        ((QUICKSTART, "--coordinator=auto"), "found no SLURM or Open MPI job, TPU pod or GKE"),
        (("--mode=evaluate", "--workdir=/nowhere"), "must name the folder of a run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    done = main(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("jaxhash: ") and message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_help_helps():
    done = main("--help")
    text = done.stdout + done.stderr
    for word in ("configs/quickstart.py", "--workdir", "--mode", "evaluate"):
        assert word in text


def test_quickstart_runs_from_the_command_line(tmp_path, data_dir):
    """The README's command, cut to a few steps; the numbers are test_train's business."""
    folder = tmp_path / "run"
    done = main(
        QUICKSTART,
        f"--workdir={folder}",
        f"--config.data.dir={data_dir}",
        "--config.train.total_steps=2",
        "--config.devices=1",
    )
    assert done.returncode == 0, done.stderr
    assert "1,000 train, 100 query, 697 database images" in done.stdout
    assert "at start   trained" in done.stdout and "mAP, ties averaged" in done.stdout
    assert (folder / "retrieval.png").exists()
    again = main("--mode=evaluate", f"--workdir={folder}")
    assert again.returncode == 0 and "mAP, ties averaged" in again.stdout
