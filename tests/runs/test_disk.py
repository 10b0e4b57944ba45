"""Disks that are full, read-only, or closed to the user: one line, and nothing whole is lost."""

import builtins
import contextlib
import errno
import io
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from etils import epath

from jaxhash import config as configs
from jaxhash.errors import UserError
from jaxhash.runs import dataset, disk, metrics_log, workdir
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.dataset import Dataset

STEPS = range(1, 5)
DATA = Dataset("0123", ["cat"], labels="4567")


def state(step):
    """Numbers that do not compress, and differ from step to step."""
    random = np.random.RandomState(step)
    return {str(n): random.randint(0, 2**31, 1_000) for n in range(8)}


def run(folder, keep=3):
    """Does with the disk what a run does: claims its folder, logs, saves, and leaves results."""
    folder = epath.Path(folder)
    with workdir.claimed(folder, configs.base()):
        dataset.hold(folder, DATA, primary=True)
        with Checkpoints(folder, keep) as checkpoints:
            start = checkpoints.latest() or 0
            if start:
                np.testing.assert_array_equal(checkpoints.read()["0"], state(start)["0"])
            with metrics_log.Writer(folder, start) as writer:
                for step in range(start + 1, STEPS.stop):
                    checkpoints.check()
                    writer.write(step, {"train/loss": 1.0 / step})
                    checkpoints.save(step, state(step))
                checkpoints.wait()
        with disk.writing(folder, folder / workdir.RESULTS):
            workdir.write(folder / workdir.RESULTS, "{}")


def assert_whole(folder, keep=3):
    folder = epath.Path(folder)
    last = [*STEPS][-keep:]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [*map(str, last)]
    assert [row["step"] for row in metrics_log.read(folder)] == [*STEPS]
    assert (folder / workdir.RESULTS).read_text() == "{}"
    with Checkpoints(folder, keep) as checkpoints:
        for name, value in checkpoints.read().items():
            np.testing.assert_array_equal(value, state(last[-1])[name])
    assert not [path for path in Path(folder).rglob("*") if "unfinished" in path.name]


class Full:
    """Lets so many writes below a folder pass; all after them fail as on a full disk."""

    def __init__(self, folder, passing):
        self.folder, self.left = str(folder), passing

    def count(self, path):
        if isinstance(path, int) or not os.fspath(path).startswith(self.folder):
            return
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))

    def patch(self, patch):
        opened, mkdir = io.open, os.mkdir

        def open_(file, mode="r", *rest, **options):
            made = opened(file, mode, *rest, **options)
            if not set(mode) & set("wax+"):
                return made
            try:
                self.count(file)
            except OSError:
                made.close()
                raise
            return Counted(made, lambda: self.count(file))

        def mkdir_(path, *rest, **options):
            self.count(path)
            return mkdir(path, *rest, **options)

        for module in (io, builtins):
            patch.setattr(module, "open", open_)
        patch.setattr(os, "mkdir", mkdir_)


class Counted:
    """A file whose writes are counted."""

    def __init__(self, file, count):
        self._file, self._count = file, count

    def write(self, content):
        self._count()
        return self._file.write(content)

    def __enter__(self):
        self._file.__enter__()
        return self

    def __exit__(self, *rest):
        return self._file.__exit__(*rest)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_fills_at_any_write_is_one_line_and_the_same_command_ends_whole(
    tmp_path, every
):
    """Of Python's writes; those of TensorStore fail in `test_a_small_disk`."""
    refused = 0
    for passing in range(0, 200, every):
        folder = tmp_path / str(passing)
        with pytest.MonkeyPatch.context() as patch:
            full = Full(folder, passing)
            full.patch(patch)
            try:
                run(folder)
            except UserError as error:
                refused += 1
                assert "No space left on device" in str(error) and "\n" not in str(error)
                assert "the same command" in str(error)
                kept = disk.checkpoints(folder)
                then = f"from checkpoint {kept[-1]}, which is whole" if kept else "starts again"
                assert then in str(error)
            else:
                break
        run(folder)
        assert_whole(folder)
    assert refused > 50 / every and full.left >= 0
    # Threads that would wait for what could not be made, and keep the process from its end.
    assert not [thread.name for thread in threading.enumerate() if "handler" in thread.name]


def mount(folder, options):
    """Mounts a small file system in memory, or changes one."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")


@pytest.fixture
def small(tmp_path):
    """A function that makes a small file system: its size and number of files."""
    mounted = []

    def make(options):
        folder = tmp_path / options
        folder.mkdir()
        mount(folder, options)
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    "options",
    [f"size={size}k" for size in (4, 16, 32, 64, 104, 152, 208, 272, 304)]
    + [f"size=2m,nr_inodes={files}" for files in (2, 6, 12, 20, 30)],
)
def test_a_small_disk(small, options):
    """A real one, that takes no more at this or that byte, or file."""
    folder = small(options)
    with pytest.raises(UserError, match="No space left on device.*the same command") as error:
        run(folder / "run")
    assert "\n" not in str(error.value) and not list((folder / "run").glob("checkpoints/*.*"))
    mount(folder, "remount,size=4m,nr_inodes=1000")
    run(folder / "run")
    assert_whole(folder / "run")


def test_a_failed_save_says_nothing_but_its_one_line(small, capfd, caplog):
    folder = small("size=152k")
    with pytest.raises(UserError, match=r"checkpoint 1, which is whole"):
        run(folder / "run", keep=1)
    assert capfd.readouterr().err == "" and not caplog.records


def test_training_stops_at_the_save_that_failed(small):
    folder = small("size=104k")
    with (
        pytest.raises(UserError, match=r"checkpoints/2: cannot be written \(No space left"),
        Checkpoints(epath.Path(folder) / "run") as checkpoints,
    ):
        checkpoints.save(1, state(1))
        checkpoints.wait()
        checkpoints.save(2, state(2))
        for _ in range(600):  # steps of training, each of which asks
            checkpoints.check()
            time.sleep(0.05)


def test_a_disk_that_is_read_only_is_refused_before_anything_is_measured(small):
    folder = epath.Path(small("size=4m"))
    run(folder / "run")
    mount(folder, "remount,ro")
    with pytest.raises(
        UserError, match="run cannot be written; allow it, or give another"
    ) as error:
        workdir.check(folder / "run", configs.base())
    assert "a copy of its folder" in str(error.value)
    with (
        pytest.raises(UserError, match=r"\.lock: cannot be written \(Read-only file system\)"),
        workdir.claimed(folder / "run", configs.base()),
    ):
        raise AssertionError("claimed")
    mount(folder, "remount,rw")


@contextlib.contextmanager
def nobody():
    """Gives up root's permission to read everything."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def home():
    """A folder that everybody may enter."""
    if os.getuid():
        pytest.skip("needs root, to give up its permissions")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield epath.Path(folder)


CLOSED = {
    "checkpoints": r"checkpoints: cannot be listed \(Permission denied\)",
    "checkpoints/4/default/d": r"/d: cannot be read \(Permission denied\); the checkpoint may be",
    "checkpoints/4/default/_METADATA": r"_METADATA: cannot be read \(Permission denied\)",
    "config.json": r"config.json: cannot be read \(Permission denied\); allow it",
}


@pytest.mark.parametrize("closed", CLOSED)
def test_what_may_not_be_read_is_not_called_damaged(home, closed):
    run(home)
    Path(home / closed).chmod(0)
    with nobody(), pytest.raises(UserError, match=CLOSED[closed]) as error:
        configs.from_json(home / workdir.CONFIG)
        assert workdir.has_checkpoint(home)
        with Checkpoints(home) as checkpoints:
            checkpoints.read()
    assert "delete" not in str(error.value) and "damaged" not in str(error.value)
    Path(home / closed).chmod(0o755)
    with Checkpoints(home) as checkpoints:
        assert checkpoints.latest() == 4


def test_what_was_read_and_is_wrong_is_damaged(tmp_path):
    run(tmp_path)
    for path in (tmp_path / "checkpoints" / "4" / "default" / "d").iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    with Checkpoints(epath.Path(tmp_path)) as checkpoints:
        with pytest.raises(UserError, match=r"checkpoints/4: damaged .*; delete that folder to go"):
            checkpoints.read()
        with pytest.raises(UserError, match="does not fit this config, or is damaged"):
            checkpoints.restore(state(4))


@pytest.mark.parametrize("name", ["caf\udce9", "lr[1]", "a\\b", "a*", "a?"])
def test_a_path_that_checkpoints_cannot_have_is_refused(tmp_path, name):
    for start in (
        lambda: workdir.check(epath.Path(tmp_path) / name, configs.base()),
        lambda: Checkpoints(epath.Path(tmp_path) / name),
    ):
        with pytest.raises(UserError, match="expected a path of UTF-8 without") as error:
            start()
        str(error.value).encode()  # can be printed
    assert not any(tmp_path.iterdir())
