"""The folder of a run: one run at a time, on disk and in a bucket."""

import contextlib
import os
import signal
import subprocess
import sys

import fsspec
import numpy as np
import pytest
from etils import epath
from fsspec.implementations.memory import MemoryFileSystem

from jaxhash import config as configs
from jaxhash.errors import UserError
from jaxhash.report import plots
from jaxhash.runs import workdir
from jaxhash.runs.metrics_log import Writer, read
from jaxhash.training import loop

HOLD = """
import sys
from etils import epath
from jaxhash import config
from jaxhash.runs import workdir
with workdir.claimed(epath.Path(sys.argv[1]), config.base()):
    print("held", flush=True)
    sys.stdin.read()
"""


class Bucket(MemoryFileSystem):
    """Keeps what is written to gs:// in memory."""

    store, pseudo_dirs = {}, [""]

    def __init__(self, **options):
        super().__init__()


class NoBucket(MemoryFileSystem):
    def __init__(self, **options):
        raise ImportError("Please install gcsfs to access Google Storage")


class Unreachable(Bucket):
    def exists(self, path, **options):
        raise OSError("Forbidden: no access to bucket\nand more")


@contextlib.contextmanager
def bucket(kind):
    """Makes gs:// what a class says."""
    fsspec.register_implementation("gcs", kind, clobber=True)
    backend = epath.Path("gs://bucket")._backend
    backend._get_filesystem.cache_clear()
    yield epath.Path("gs://bucket/runs/a")
    backend._get_filesystem.cache_clear()
    fsspec.register_implementation("gcs", "gcsfs.GCSFileSystem", clobber=True)


def test_two_runs_in_one_folder_are_refused_and_a_killed_one_is_not_in_the_way(tiny, tmp_path):
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(UserError, match=f"in use by process {holder.pid} on .*; wait for its end"),
        workdir.claimed(folder, configs.base()),
    ):
        raise AssertionError("two at a time")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with workdir.claimed(folder, configs.base()):
        pass
    assert sorted(os.listdir(folder)) == [".lock", "config.json"]


def test_a_run_killed_before_it_began_leaves_a_folder_that_can_be_used(tiny, tmp_path):
    (tmp_path / workdir.LOCK).touch()
    with workdir.claimed(tmp_path, tiny):
        assert (tmp_path / workdir.CONFIG).exists()


def test_another_config_that_came_meanwhile_is_refused(tiny, tmp_path):
    with workdir.claimed(tmp_path / "run", tiny):
        pass
    with tiny.unlocked():
        tiny.seed = 3
    with (
        pytest.raises(UserError, match="seed is 0 there and 3 here"),
        workdir.claimed(tmp_path / "run", tiny),
    ):
        raise AssertionError("mixed")


def test_processes_that_do_not_share_the_folder_are_told(tiny, tmp_path):
    with (
        pytest.raises(UserError, match="not the folder that process 0 sees under this name"),
        workdir.claimed(tmp_path / "mine", tiny, primary=False),
    ):
        raise AssertionError("apart")
    assert not (tmp_path / "mine").exists()


def test_a_bucket_keeps_its_name_and_what_is_written(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with bucket(Bucket) as folder:
        workdir.check(folder, tiny)
        with workdir.claimed(folder, tiny), Writer(folder, 0) as writer:
            writer.write(1, {"train/loss": 0.5})
            writer.write(2, {"train/loss": 0.25})
        with Writer(folder, 1) as writer:
            assert writer.has(1, "train/loss") and not writer.has(2, "train/loss")
        assert read(folder) == [{"step": 1, "train/loss": 0.5}]
        picture = np.zeros((4, 4, 1), np.uint8)
        plots.attention(folder / "x.png", "", [picture], {"last": np.eye(2)[None]})
        assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")
        assert {path.name for path in folder.iterdir()} == {"config.json", "metrics.jsonl", "x.png"}
        assert not workdir.has_checkpoint(folder)
        (folder / "checkpoints" / "4").mkdir(parents=True)
        (folder / "checkpoints" / "4" / "_METADATA").write_text("")
        assert workdir.has_checkpoint(folder)
        with tiny.unlocked():
            tiny.seed = 3
        with pytest.raises(UserError, match="workdir gs://bucket/runs/a holds a run with another"):
            loop.train_and_evaluate(tiny, "gs://bucket/runs/a")
    assert not list(tmp_path.iterdir())  # no folder named gs:


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (NoBucket, "gs://bucket/runs/a: Please install gcsfs.*pip install 'jaxhash.gcs.'"),
        (Unreachable, "gs://bucket/runs/a: cannot be reached .Forbidden: no access to bucket.$"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_one_line(tiny, kind, message):
    with bucket(kind) as folder, pytest.raises(UserError, match=message):
        workdir.check(folder, tiny)
