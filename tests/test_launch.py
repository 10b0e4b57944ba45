"""The launch scripts, run for real on the digits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_local_two_joins_two_processes_and_hands_on_what_they_say():
    """Four devices cannot share this batch, which is known when both have joined."""
    done = launch("local_two.sh", "--config=configs/quickstart.py", "--config.train.batch_size=250")
    assert done.returncode == 2
    for process in (0, 1):
        assert (
            f"process {process} of 2: train.batch_size=250 cannot be shared by 4 devices of 2 "
            "processes: choose a multiple" in done.stderr
        )


@pytest.mark.parametrize("script", ["local_two.sh", "slurm.sbatch", "tpu_vm.sh", "tpu_pod.sh"])
def test_launch_scripts_say_how_they_are_used(script):
    done = launch(script)
    assert done.returncode == 2 and f"launch/{script}" in done.stderr and "#" not in done.stderr
