"""The launch scripts, run for real on the digits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxhash import config as configs

ROOT = Path(__file__).parents[1]


def launch(script, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [f"launch/{script}", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=False,
    )


def two_report(message, workdir, *arguments):
    """Runs two processes that both fail; each is to end with this message and nothing else."""
    done = launch(
        "local_two.sh", "--config=configs/quickstart.py", f"--workdir={workdir}", *arguments
    )
    assert done.returncode == 2, done.stderr
    lines = sorted(done.stderr.splitlines())
    assert lines == [f"jaxhash: process {process} of 2: {message}" for process in (0, 1)]


@pytest.mark.slow
def test_local_two_joins_two_processes_and_passes_on_their_errors(tmp_path):
    """Two processes cannot share this batch, which is known when both have joined."""
    two_report(
        "train.batch_size=251 cannot be shared by 2 devices of 2 processes: choose a multiple of "
        "2, or fewer processes",
        tmp_path / "run",
        "--config.train.batch_size=251",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_processes_that_fail_alike_each_end_with_one_line(tmp_path):
    (tmp_path / "config.json").write_text(configs.to_json(configs.load("configs/quickstart.py")))
    two_report(
        f"workdir {tmp_path} holds a run with another config: seed is 0 there and 1 here; give "
        "another --workdir",
        tmp_path,
        "--config.seed=1",
    )


@pytest.mark.parametrize("script", ["local_two.sh", "slurm.sbatch", "tpu_vm.sh", "tpu_pod.sh"])
def test_launch_scripts_print_their_usage(script):
    done = launch(script)
    assert done.returncode == 2 and f"launch/{script}" in done.stderr and "#" not in done.stderr
