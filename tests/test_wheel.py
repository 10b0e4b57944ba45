"""What is packed into a wheel is enough to search, report and export."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from jaxhash.training import loop

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The content of a wheel, built from a copy of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("*.egg-info", "build", "dist", ".*", "runs", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=ignored)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    done = subprocess.run([*command, folder / "source"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.slow
def test_a_wheel_searches_reports_and_exports(unpacked, tiny, tmp_path):
    with tiny.unlocked():
        tiny.train.total_steps = 2
    loop.train_and_evaluate(tiny, tmp_path / "run")
    (tmp_path / "pictures").mkdir()
    for grey in range(3):
        Image.new("L", (8, 8), 80 * grey).save(tmp_path / "pictures" / f"{grey}.png")

    def call(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(unpacked)}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert call("-c", "import jaxhash; print(jaxhash.__file__)").startswith(str(unpacked))
    call("-m", "jaxhash.report", "run", "--out=report.html")
    assert (tmp_path / "report.html").stat().st_size > 10_000
    call("-m", "jaxhash.export", "--workdir=run", "--out=encoder")
    search = ("-m", "jaxhash.search")
    call(*search, "index", "--workdir=encoder", "--index=index", "--images=pictures")
    query = ("--workdir=encoder", "--index=index", "--image=pictures/1.png", "--k=1")
    assert "1.png" in call(*search, "query", *query)
