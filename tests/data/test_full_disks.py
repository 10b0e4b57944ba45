"""Disks that are full or read-only while a data set is prepared: one line, nothing half-made."""

import contextlib
import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest

from jaxhash.data import copies, datasets, left_out
from jaxhash.errors import UserError
from tests.data.own_images import picture


@pytest.fixture
def photos(tmp_path):
    for number in range(3):
        for name in ("cat", "dog"):
            picture(tmp_path / "photos" / name / f"{number}.png", size=(60, 60))
    (tmp_path / "photos" / "dog" / "Thumbs.db").write_text("")
    return tmp_path / "photos"


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Returns a function that mounts a small file system and keeps copies there."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    mounted = []

    def mount(options):
        if mounted:
            subprocess.run(["umount", folder], check=True)
            mounted.clear()
        order = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if subprocess.run(order, capture_output=True).returncode:
            pytest.skip("mounting a file system is not allowed here")
        mounted.append(True)
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def left(folder):
    return [path for path in folder.rglob("*") if path.is_file() or "incomplete" in path.name]


def check(photos, folder, reason):
    """Prepares where that cannot end well; returns whether it did all the same."""
    try:
        pool = datasets.load("folder", str(photos), side=8)
    except UserError as error:
        said = str(error)
        assert said.startswith(f"{folder}: cannot be written ({reason}) while folder is prepared; ")
        assert "nothing unfinished is left there" in said and "\n" not in said
        assert said.endswith("another place with the environment variable TFDS_DATA_DIR")
        assert left(folder) == [] and copies.found(folder) == []
        return False
    assert len(pool.ids) == 6
    return True


def test_full_at_any_size(photos, disk, capsys):
    """From no room at all to enough, page by page."""
    ended = []
    for kilobytes in range(4, 400, 12):
        folder = disk(f"size={kilobytes}k")
        ended.append(check(photos, folder, os.strerror(errno.ENOSPC)))
        if ended[-1]:
            break
    assert ended[-1] and not any(ended[:-1]) and len(ended) > 5
    assert len(datasets.load("folder", str(photos), side=8).ids) == 6


def test_full_at_any_file(photos, disk):
    """No room for another file or folder: each that is made is the first to fail once."""
    ended = []
    for inodes in range(1, 40):
        folder = disk(f"size=4m,nr_inodes={inodes}")
        ended.append(check(photos, folder, os.strerror(errno.ENOSPC)))
        if ended[-1]:
            break
    assert ended[-1] and not any(ended[:-1]) and len(ended) > 8


def test_read_only(photos, disk):
    folder = disk("size=4m")
    disk("size=4m,ro")
    assert not check(photos, folder, os.strerror(errno.EROFS))


def test_a_copy_on_a_disk_that_is_read_only_is_used(photos, disk):
    folder = disk("size=4m")
    datasets.load("folder", str(photos), side=8)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    assert len(datasets.load("folder", str(photos), side=8).ids) == 6
    picture(photos / "cat" / "new.png")
    with pytest.raises(UserError, match="cannot be written .Read-only file system."):
        datasets.load("folder", str(photos), side=8)
    [copy] = copies.found(folder)
    with pytest.raises(UserError, match="cannot be deleted .Read-only file system."):
        copies.clean(folder, copy.name)


@contextlib.contextmanager
def largest_file(size):
    """Refuses writes beyond a size, also those of libraries in C++, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_in_a_file(photos, home):
    """Without a file system of its own, so wherever tests run."""
    ended = []
    for size in (0, 1, 30, 100, 200, 500, 5_000, 30_000, 60_000, 70_000, 1_000_000):
        with largest_file(size):
            ended.append(check(photos, home, os.strerror(errno.EFBIG)))
    assert ended[-1] and not any(ended[:7])


@pytest.mark.parametrize("where", [(Path, "write_text"), (os, "mkdir"), (os, "rename")])
def test_each_write_in_python_may_fail(photos, home, monkeypatch, where):
    """The first, the second, ... call of a function fails, until none is left to fail."""
    original = getattr(*where)
    for failing in range(50):
        calls = []

        def sometimes(*arguments, calls=calls, failing=failing, **options):
            calls.append(arguments)
            if len(calls) == failing + 1:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
            return original(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(*where, sometimes)
            done = check(photos, home, os.strerror(errno.EDQUOT))
        if done:
            break
    assert done and failing >= 1


def test_a_published_data_set_names_its_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as error:
        datasets.load("digits", str(tmp_path / "file"))
    assert "cannot be written (Not a directory) while digits is prepared" in str(error.value)
    assert str(error.value).endswith("give another place with --config.data.dir=PATH")


def test_the_list_of_what_is_left_out_is_part_of_the_copy(photos, home, monkeypatch):
    def full(folder, images):
        (folder / left_out.LIST).write_text("half of ")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(left_out, "write", full)
    assert not check(photos, home, os.strerror(errno.ENOSPC))
