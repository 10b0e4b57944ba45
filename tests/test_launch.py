"""The launch scripts, run for real on the digits."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seeds(*arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["launch/seeds.sh", *arguments],
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
