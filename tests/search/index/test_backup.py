"""Backups of an index in use, and restoring one under running processes."""

import os
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from jaxhash.errors import UserError
from jaxhash.search.index import backup as backups
from jaxhash.search.index import opening
from jaxhash.search.index.backup import backup, restore
from jaxhash.search.index.embedded import FILE, Embedded
from tests.search.index.engines import BruteForce, answers, make

ITEMS, QUERIES = make(300, 48)


def expect(index, items):
    assert answers(index.nearest(QUERIES, 400)) == BruteForce(items).nearest(QUERIES, 400)
    assert index.count() == len(items)


def test_there_and_back(tmp_path):
    folder, kept = tmp_path / "index", tmp_path / "kept.sqlite"
    with closing(Embedded(folder, 48, "m")) as one, closing(Embedded(folder, 48, "m")) as other:
        one.add(ITEMS)
        assert backup(folder, kept) == 300
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "kept.sqlite"]
        with closing(sqlite3.connect(kept)) as file:
            assert file.execute("pragma journal_mode").fetchone() == ("delete",)
        one.delete([item.id for item in ITEMS[:100]])
        expect(other, ITEMS[100:])
        inode = (folder / FILE).stat().st_ino
        content = kept.read_bytes()
        assert restore(folder, kept) == 300
        assert (folder / FILE).stat().st_ino == inode and kept.read_bytes() == content
        for index in (one, other):
            expect(index, ITEMS)
        other.delete([ITEMS[0].id])
        for index in (one, other):
            expect(index, ITEMS[1:])
    assert restore(tmp_path / "new" / "index", kept) == 300
    assert [path.name for path in (tmp_path / "new" / "index").iterdir()] == [FILE]
    with closing(Embedded(tmp_path / "new" / "index", 48, "m", create=False)) as index:
        expect(index, ITEMS)
        index.add(make(5, 48, seed=3)[0])


def test_a_copy_of_the_file_alone_lacks_nothing_after_a_call(tmp_path):
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.nearest(QUERIES, 3)
        for count in range(0, 300, 50):
            index.add(ITEMS[count : count + 50])
            (tmp_path / f"{count}").mkdir()
            copy = tmp_path / f"{count}" / FILE
            copy.write_bytes((tmp_path / "index" / FILE).read_bytes())
            with closing(Embedded(copy.parent, 48, "m", create=False)) as copied:
                expect(copied, ITEMS[: count + 50])


def test_backups_while_others_write_are_a_state_that_was(tmp_path):
    """A writer adds the items of a batch together, so that a backup holds whole batches."""
    folder, stop = tmp_path / "index", threading.Event()
    batches = [make(20, 48, seed=seed)[0] for seed in range(5)]
    Embedded(folder, 48, "m").close()

    def write():
        with closing(Embedded(folder, 48, "m")) as index:
            choose = random.Random(0)
            while not stop.is_set():
                batch = choose.randrange(5)
                items = [item._replace(id=f"{batch} {item.id}") for item in batches[batch]]
                index.add(items) if choose.random() < 0.6 else index.delete(
                    [item.id for item in items]
                )

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(12):
            count = backup(folder, tmp_path / f"{number}.sqlite")
            assert restore(tmp_path / f"copy {number}", tmp_path / f"{number}.sqlite") == count
            with closing(Embedded(tmp_path / f"copy {number}", 48, "m")) as copy:
                found = {item.id.split()[0] for item in copy.items(limit=999)}
                assert copy.count() == count == 20 * len(found)
    finally:
        stop.set()
        thread.join()


def test_restoring_while_others_read_and_write_shows_no_mixture(tmp_path):
    folder, stop, seen = tmp_path / "index", threading.Event(), []
    always = {item.id for item in (ITEMS[0], ITEMS[100])}
    states = [{item.id for item in items} - always for items in (ITEMS[:100], ITEMS[100:250])]
    for number, items in enumerate((ITEMS[:100], ITEMS[100:250])):
        with closing(Embedded(tmp_path / str(number), 48, "m")) as index:
            index.add(items)
        backup(tmp_path / str(number), tmp_path / f"{number}.sqlite")
    restore(folder, tmp_path / "0.sqlite")
    failed = []

    def read():
        try:
            with closing(Embedded(folder, 48, "m", create=False)) as index:
                while not stop.is_set():
                    found = {hit.item.id for hit in index.nearest(QUERIES[:1], 400)[0]}
                    seen.append(found - always)
        except BaseException as error:
            failed.append(error)

    def write():
        with closing(Embedded(folder, 48, "m")) as index:
            while not stop.is_set():
                index.add([ITEMS[0], ITEMS[100]])

    threads = [threading.Thread(target=work) for work in (read, write)]
    for thread in threads:
        thread.start()
    try:
        for number in [1, 0] * 8:
            restore(folder, tmp_path / f"{number}.sqlite")
            until = time.monotonic() + 60
            while not failed and (not seen or seen[-1] != states[number]):
                assert time.monotonic() < until, "what was restored is not seen"
                time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert all(found in states for found in seen)


def test_an_existing_file_and_a_lack_of_an_index_are_refused(tmp_path):
    to = tmp_path / "kept"
    with pytest.raises(UserError, match="no index yet"):
        backup(tmp_path / "index", to)
    (tmp_path / FILE).write_bytes(b"")
    with pytest.raises(UserError, match="no index yet"):
        backup(tmp_path, to)
    Embedded(tmp_path / "index", 48, "m").close()
    with pytest.raises(UserError, match="none/kept: cannot be written .No such file"):
        backup(tmp_path / "index", tmp_path / "none" / "kept")
    to.write_text("mine")
    with pytest.raises(UserError, match="kept: exists already; give another name"):
        backup(tmp_path / "index", to)
    assert to.read_text() == "mine" and not list(tmp_path.glob("*.unfinished*"))


def test_what_a_killed_backup_left_is_written_again(tmp_path):
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.add(ITEMS)
    (tmp_path / "kept.unfinished").write_bytes(b"half of it" * 1000)
    (tmp_path / "kept.unfinished-journal").write_bytes(b"half of it" * 1000)
    assert backup(tmp_path / "index", tmp_path / "kept") == 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "kept"]


def test_two_backups_into_one_file(tmp_path):
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.add(ITEMS)
    failed, done = [], []

    def work():
        try:
            done.append(backup(tmp_path / "index", tmp_path / "kept"))
        except UserError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [300] and len(failed) == 5
    assert all("another process is writing it" in line or "exists" in line for line in failed)
    assert restore(tmp_path / "new", tmp_path / "kept") == 300


def damaged(path):
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 6 * 4096] = bytes([85]) * 4 * 4096
    path.write_bytes(content)


def test_what_is_no_sound_backup_changes_nothing(tmp_path):
    folder = tmp_path / "index"
    with closing(Embedded(folder, 48, "m")) as index:
        index.add(ITEMS)
    files = {name: tmp_path / name for name in ("empty", "text", "damaged", "short", "theirs")}
    files["empty"].write_bytes(b"")
    files["text"].write_bytes(b"something" * 1000)
    for name in ("damaged", "short"):
        backup(folder, files[name])
    damaged(files["damaged"])
    os.truncate(files["short"], files["short"].stat().st_size // 2)
    with closing(sqlite3.connect(files["theirs"])) as theirs:
        theirs.execute("create table setting (x)")
    for name, bits, model in (("bits", 40, "m"), ("model", 48, "n")):
        with closing(Embedded(tmp_path / f"of {name}", bits, model)) as index:
            index.add(make(9, bits)[0])
        files[name] = tmp_path / name
        backup(tmp_path / f"of {name}", files[name])
    reasons = {"bits": "holds codes of bits 40", "model": "holds codes of model n"}
    reasons |= {"index": "is the index itself", "none": "no such file", "folder": "no such file"}
    files |= {"index": folder / FILE, "none": tmp_path / "none", "folder": folder}
    for name, file in files.items():
        for to in (folder, tmp_path / "new"):
            if to != folder and name in ("bits", "model", "index"):
                continue
            reason = reasons.get(name, "not an index")
            with pytest.raises(UserError, match=f"{file}.* {reason}") as error:
                restore(to, file)
            assert "\n" not in str(error.value)
        assert not (tmp_path / "new").exists()
    with closing(Embedded(folder, 48, "m")) as index:
        expect(index, ITEMS)


def test_a_damaged_index_is_not_backed_up(tmp_path):
    with closing(Embedded(tmp_path, 48, "m")) as index:
        index.add(ITEMS)
    damaged(tmp_path / FILE)
    with pytest.raises(UserError, match="codes.sqlite: damaged"):
        backup(tmp_path, tmp_path / "kept")
    assert not list(tmp_path.glob("kept*"))


def test_restoring_waits_for_a_writer_but_not_for_ever(tmp_path, monkeypatch):
    for module in (backups, opening):
        monkeypatch.setattr(module, "WAIT", 0.3)
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.add(ITEMS)
        backup(tmp_path / "index", tmp_path / "kept")
        with closing(sqlite3.connect(tmp_path / "index" / FILE, isolation_level=None)) as writer:
            writer.execute("begin immediate")
            assert backup(tmp_path / "index", tmp_path / "another") == 300
            with pytest.raises(UserError, match="another program has kept it locked"):
                restore(tmp_path / "index", tmp_path / "kept")
        expect(index, ITEMS)


def test_pages_of_another_size(tmp_path):
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.add(ITEMS)
    backup(tmp_path / "index", tmp_path / "kept")
    with closing(sqlite3.connect(tmp_path / "kept", isolation_level=None)) as file:
        file.executescript("pragma page_size=1024; vacuum")
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        with pytest.raises(UserError, match="has pages of 1024 bytes, the index .* of 4096: rest"):
            restore(tmp_path / "index", tmp_path / "kept")
        expect(index, ITEMS)
    assert restore(tmp_path / "new", tmp_path / "kept") == 300
