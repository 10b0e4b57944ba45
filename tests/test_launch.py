"""The launch scripts, run for real on the digits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def seeds(*arguments):
    return launch("seeds.sh", *arguments)


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


def test_seeds_trains_each_seed_and_prints_mean_and_deviation(tmp_path, data_dir):
    arguments = (
        "2",
        str(tmp_path),
        "--config=configs/quickstart.py",
        f"--config.data.dir={data_dir}",
        "--config.train.total_steps=2",
        "--config.eval.at_start=False",
        "--config.devices=1",
    )
    done = seeds(*arguments)
    assert done.returncode == 0, done.stderr
    assert "mAP over 2 seeds: 0." in done.stdout
    again = seeds(*arguments)
    assert again.stdout.count("is finished") == 2


def test_seeds_without_arguments_says_how():
    done = seeds()
    assert done.returncode == 2 and "launch/seeds.sh 3 runs/dhida" in done.stderr


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
