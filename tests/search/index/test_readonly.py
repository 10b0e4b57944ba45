"""An index that may not be written, on a full disk, or locked by another program."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from jaxhash.errors import UserError
from jaxhash.search.index import database, opening
from jaxhash.search.index.backup import backup
from jaxhash.search.index.embedded import FILE, Embedded
from tests.search.index.engines import BruteForce, answers, make

ITEMS, QUERIES = make(200, 48)
EXPECTED = BruteForce(ITEMS).nearest(QUERIES, 300)


@contextlib.contextmanager
def nobody():
    """Gives up root's permission to write everything."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def home(monkeypatch):
    """A folder that everybody may enter; for root, who can give up its permissions."""
    if os.getuid():
        pytest.skip("needs root, to give up its permissions")
    pytest.importorskip("faiss")  # which nobody else may be allowed to read
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "tmp").mkdir()
        (Path(folder) / "tmp").chmod(0o777)
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", f"{folder}/tmp")
        yield Path(folder)


@pytest.fixture
def disk(tmp_path):
    """A small file system."""
    mount(tmp_path, "size=4m")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def mount(folder, options):
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if os.getuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")


def fill(path):
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, bytes(4096))
    os.close(file)


def left(folder, ends):
    """Makes an index as a killed process leaves it: all its items in the log."""
    folder.mkdir()
    with (
        tempfile.TemporaryDirectory() as live,
        closing(Embedded(Path(live), 48, "m")) as index,
        closing(sqlite3.connect(Path(live) / FILE)) as reader,
    ):
        reader.execute("begin")
        reader.execute("select * from setting").fetchone()
        index.add(ITEMS)
        if not ends:
            reader.close()
            index.close()
        for end in ("", *ends):
            shutil.copy(Path(live) / f"{FILE}{end}", folder)


def assert_only_searched(folder, reason, opened=False):
    before = {path.name: path.stat() for path in folder.iterdir()}
    copies = set(Path(tempfile.gettempdir()).glob("jaxhash-*"))
    with closing(Embedded(folder, 48, "m", create=False)) as index:
        assert answers(index.nearest(QUERIES, 300)) == EXPECTED
        assert index.count() == len(index.items(limit=999)) == 200
        for write in (lambda: index.add(ITEMS[:1]), lambda: index.delete(["a"])):
            with pytest.raises(UserError, match=rf"{FILE}: {reason}; ") as error:
                write()
            assert "\n" not in str(error.value)
        assert answers(index.nearest(QUERIES, 300)) == EXPECTED
    if opened:
        Embedded(folder, 48, "m", create=True).close()
    else:
        with pytest.raises(UserError, match=rf"{FILE}: {reason}; "):
            Embedded(folder, 48, "m", create=True)
    with tempfile.TemporaryDirectory() as other:
        assert backup(folder, Path(other) / "backup") == 200
    assert set(Path(tempfile.gettempdir()).glob("jaxhash-*")) == copies
    return before, {path.name: path.stat() for path in folder.iterdir()}


def assert_untouched(states):
    before, after = [
        {name: (found.st_size, found.st_mtime_ns) for name, found in state.items()}
        for state in states
    ]
    assert before == after


LEFT = [(), ("-wal",), ("-wal", "-shm")]


@pytest.mark.parametrize("ends", LEFT)
def test_without_permission(home, ends):
    left(home / "a b?#%41é", ends)
    with nobody():
        assert_untouched(
            assert_only_searched(home / "a b?#%41é", r"cannot be written \(Permission denied\)")
        )


@pytest.mark.parametrize("ends", LEFT)
def test_a_read_only_disk(disk, ends):
    left(disk / "index", ends)
    mount(disk, "remount,ro")
    reason = r"cannot be written \(Read-only file system\)"
    assert_untouched(assert_only_searched(disk / "index", reason))


@pytest.mark.parametrize("ends", LEFT)
def test_a_full_disk(disk, ends):
    left(disk / "index", ends)
    fill(disk / "full")
    # Where the files beside it are there already, only the write itself can tell.
    assert_only_searched(disk / "index", "the disk is full", opened=len(ends) == 2)
    with pytest.raises(UserError, match="the disk is full; free some space"):
        Embedded(disk / "new", 48, "m")
    assert not list((disk / "new").iterdir())
    (disk / "full").unlink()
    with closing(Embedded(disk / "index", 48, "m")) as index:
        index.add([item._replace(id=f"more {item.id}") for item in ITEMS])
        assert index.count() == 400


def test_a_disk_that_fills_while_the_index_is_open(disk):
    with closing(Embedded(disk, 48, "m")) as index:
        index.add(ITEMS)
        fill(disk / "full")
        more = [item._replace(id=f"more {item.id}") for item in ITEMS * 9]
        with pytest.raises(UserError, match="the disk is full; free some space and do it again"):
            index.add(more)
        assert answers(index.nearest(QUERIES, 300)) == EXPECTED
        (disk / "full").unlink()
        index.add(more)
        assert index.count() == 400


def test_one_without_permission_sees_what_the_owner_writes(home):
    with closing(Embedded(home, 48, "m")) as owner:
        owner.add(ITEMS[:100])
        with nobody():
            reader = Embedded(home, 48, "m", create=False)
            assert reader.count() == 100
        owner.add(ITEMS[100:])
        with nobody():
            assert answers(reader.nearest(QUERIES, 300)) == EXPECTED
    with nobody():
        assert answers(reader.nearest(QUERIES, 300)) == EXPECTED
        reader.close()


def test_a_frozen_index_that_is_written_nevertheless(home):
    with closing(Embedded(home, 48, "m")) as owner:
        owner.add(ITEMS[:100])
    with nobody():
        reader = Embedded(home, 48, "m", create=False)
        assert len(reader.nearest(QUERIES, 300)[0]) == 100
    with closing(Embedded(home, 48, "m")) as owner:
        owner.add(ITEMS[100:])
    with nobody():
        assert answers(reader.nearest(QUERIES, 300)) == EXPECTED
        reader.close()


def test_a_change_while_a_frozen_index_is_read(home, monkeypatch):
    with closing(Embedded(home, 48, "m")) as owner:
        owner.add(ITEMS[:100])
    with nobody():
        reader = Embedded(home, 48, "m", create=False)
    current = reader._current

    def late(file):
        rows = current(file)
        with closing(Embedded(home, 48, "m")) as owner:
            owner.add(ITEMS)
        return rows

    monkeypatch.setattr(reader, "_current", late)
    with pytest.raises(UserError, match="was changed while it was read; try again"):
        reader.nearest(QUERIES, 9)
    monkeypatch.undo()
    assert answers(reader.nearest(QUERIES, 300)) == EXPECTED
    reader.close()


@pytest.mark.parametrize("closed", [".", FILE])
def test_what_may_not_be_read_is_said(home, closed):
    Embedded(home / "index", 48, "m").close()
    (home / "index" / closed).chmod(0)
    with nobody():
        for create in (False, True):
            with pytest.raises(UserError, match=rf"{FILE}: .*Permission denied.*; allow it"):
                Embedded(home / "index", 48, "m", create)


def test_no_locks_without_root_too(tmp_path, monkeypatch):
    """As where no file can be made: simulated, so that it is tested by every user."""
    left(tmp_path / "plain", ())
    left(tmp_path / "log", ("-wal",))
    connect = opening._connect

    def refuse(path, options):
        if path.parent.parent == tmp_path and "immutable" not in options:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorname = "SQLITE_CANTOPEN"
            raise error
        return connect(path, options)

    monkeypatch.setattr(opening, "_connect", refuse)
    for name in ("plain", "log"):
        with closing(Embedded(tmp_path / name, 48, "m", create=False)) as index:
            assert answers(index.nearest(QUERIES, 300)) == EXPECTED
            with pytest.raises(UserError, match="unable to open"):
                index.add(ITEMS[:1])


def test_reading_waits_for_no_writer_and_writing_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WAIT", 3)
    with (
        closing(Embedded(tmp_path, 48, "m")) as index,
        closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as writer,
    ):
        index.add(ITEMS)
        writer.execute("begin immediate")
        failed = []

        def write():
            start = time.monotonic()
            with pytest.raises(UserError, match="another program has kept it locked") as error:
                index.add(ITEMS[:1])
            failed.append((time.monotonic() - start, str(error.value)))

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        reads = 0
        while all(thread.is_alive() for thread in threads):
            assert answers(index.nearest(QUERIES, 300)) == EXPECTED
            for create in (False, True):
                with closing(Embedded(tmp_path, 48, "m", create)) as other:
                    assert other.count() == 200
            reads += 1
        for thread in threads:
            thread.join()
        assert reads > 1 and len(failed) == 3
        # Those that wait for one another wait no longer than one alone.
        assert all(2.9 < seconds < 6 and "\n" not in line for seconds, line in failed)
        writer.execute("rollback")
        index.add(ITEMS[:1])
