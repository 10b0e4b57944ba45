"""An index whose file is deleted, made again or exchanged while it is open."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.search.index import tables
from jaxhash.search.index.backup import backup, restore
from jaxhash.search.index.embedded import FILE, Embedded
from tests.search.index.engines import BruteForce, answers, make

ITEMS, QUERIES = make(200, 48)
OTHERS, _ = make(120, 48, seed=1)
# Makes indexes in a process of its own.
MAKER = """
import sys
from pathlib import Path
from tests.search.index.engines import make
from jaxhash.search.index.embedded import Embedded
for line in sys.stdin:
    index = Embedded(Path(line.strip()), 48, "m")
    index.add(make(120, 48, seed=1)[0])
    index.close()
    print("made", flush=True)
"""


@pytest.fixture
def opened(tmp_path):
    """An index that has been read and written, and a second object for its file."""
    indexes = [Embedded(tmp_path / "index", 48, "m") for _ in range(2)]
    indexes[0].add(ITEMS)
    assert all(index.nearest(QUERIES, 9) and index.count() == 200 for index in indexes)
    yield tmp_path / "index", indexes
    for index in indexes:
        index.close()


def made(folder, items=OTHERS, bits=48, model="m"):
    """Another index, complete in one file."""
    with closing(Embedded(folder, bits, model)) as index:
        index.add(items)
    return folder / FILE


def unlink(folder, ends=("", "-wal", "-shm")):
    for end in ends:
        (folder / f"{FILE}{end}").unlink()


def assert_holds(indexes, items):
    expected = BruteForce(items)
    for index in indexes:
        assert answers(index.nearest(QUERIES, 300)) == expected.nearest(QUERIES, 300)
        assert [item.id for item in index.items(limit=999)] == sorted(expected.stored)
        assert index.count() == len(expected.stored)


def delay_the_log(folder):
    """Another reader: what is written meanwhile stays in the log."""
    reader = sqlite3.connect(folder / FILE, isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from item limit 1").fetchone()
    return closing(reader)


def test_deleted_and_made_again_by_another_process(tmp_path):
    command = [sys.executable, "-c", MAKER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as maker:
        for number, ends in enumerate([("", "-wal", "-shm"), ("",), ("", "-wal"), ("", "-shm")]):
            folder = tmp_path / str(number)
            with (
                closing(Embedded(folder, 48, "m")) as one,
                closing(Embedded(folder, 48, "m")) as other,
            ):
                one.add(ITEMS)
                assert_holds([one, other], ITEMS)
                with delay_the_log(folder):
                    other.add(make(999, 48, seed=2)[0])  # so many that the first page is in the log
                unlink(folder, ends)
                print(folder, file=maker.stdin, flush=True)
                assert maker.stdout.readline() == "made\n"
                assert_holds([one, other], OTHERS)
                one.add(ITEMS[:1])
                other.add(ITEMS[1:2])
                assert_holds([one, other], [*OTHERS, *ITEMS[:2]])
                with closing(Embedded(folder, 48, "m", create=False)) as again:
                    assert_holds([again], [*OTHERS, *ITEMS[:2]])
        maker.stdin.close()


def test_replaced_by_another_file_beside_an_old_log(opened, tmp_path):
    """SQLite itself would apply the log to the new file."""
    folder, indexes = opened
    other = made(tmp_path / "other")
    with delay_the_log(folder):
        indexes[0].add(ITEMS[:50])
        assert (folder / f"{FILE}-wal").stat().st_size
        os.replace(other, folder / FILE)
        assert_holds(indexes, OTHERS)
    indexes[1].delete([OTHERS[0].id])
    assert_holds(indexes, OTHERS[1:])


def test_a_replaced_file_is_not_changed_by_the_log_of_the_last(opened, tmp_path):
    """Whatever opens it first, since a call leaves nothing in the log."""
    folder, indexes = opened
    os.replace(made(tmp_path / "other"), folder / FILE)
    with closing(Embedded(folder, 48, "m", create=False)) as fresh:
        assert_holds([*indexes, fresh], OTHERS)


def test_deleted_is_said_at_every_call_until_it_is_there_again(opened, tmp_path):
    folder, indexes = opened
    unlink(folder)
    for _ in range(2):
        for index in indexes:
            for call in (
                index.count,
                index.items,
                lambda index=index: index.nearest(QUERIES, 3),
                lambda index=index: index.get(["a"]),
                lambda index=index: index.add(ITEMS[:1]),
                lambda index=index: index.delete([ITEMS[0].id]),
            ):
                with pytest.raises(UserError, match=f"{FILE}: was deleted; restore a backup"):
                    call()
        shutil.rmtree(folder, ignore_errors=True)
    made(folder)
    assert_holds(indexes, OTHERS)


@pytest.mark.parametrize(("bits", "model"), [(24, "m"), (48, "n")])
def test_replaced_by_an_index_of_another_network(opened, tmp_path, bits, model):
    folder, indexes = opened
    kept = tmp_path / "kept"
    backup(folder, kept)
    items, _ = make(3, bits)
    os.replace(made(tmp_path / "other", items, bits, model), folder / FILE)
    for index in indexes * 2:
        for call in (index.count, lambda index=index: index.add(ITEMS[:1])):
            with pytest.raises(UserError, match=r"holds codes of (bits 24|model n), this encoder"):
                call()
    os.replace(kept, folder / FILE)
    assert_holds(indexes, ITEMS)
    indexes[0].delete([ITEMS[0].id])
    assert_holds(indexes, ITEMS[1:])


def test_replaced_by_something_else(opened):
    folder, indexes = opened
    for content, message in ((b"", "no index yet"), (b"something" * 999, "not a database")):
        unlink(folder, [""])
        (folder / FILE).write_bytes(content)
        for index in indexes:
            for call in (index.count, lambda index=index: index.add(ITEMS[:1])):
                with pytest.raises(UserError, match=message):
                    call()


def test_moved_away_and_back_loses_nothing(opened, tmp_path):
    folder, indexes = opened
    with delay_the_log(folder):
        indexes[0].add(OTHERS)
        os.rename(folder / FILE, tmp_path / "away")
        for index in indexes:
            with pytest.raises(UserError, match="was deleted"):
                index.count()
        os.rename(tmp_path / "away", folder / FILE)
    expected = {item.id: item for item in [*ITEMS, *OTHERS]}
    assert_holds(indexes, expected.values())


def test_a_deleted_log_loses_nothing(opened):
    folder, indexes = opened
    indexes[1].delete(["none"])
    with delay_the_log(folder):
        indexes[0].add(OTHERS)
        unlink(folder, ["-wal"])
        for index in indexes:
            for call in (index.count, lambda index=index: index.add(ITEMS[:1])):
                with pytest.raises(UserError, match="its log was deleted, and others use it; try"):
                    call()
    expected = {item.id: item for item in [*ITEMS, *OTHERS]}
    assert_holds(indexes, expected.values())
    for index, item in zip(indexes, ITEMS, strict=False):
        index.delete([item.id])
        expected.pop(item.id)
    assert_holds(indexes, expected.values())


@pytest.mark.parametrize("replace", [True, False])
def test_a_write_into_a_deleted_file_is_not_acknowledged(opened, tmp_path, monkeypatch, replace):
    folder, indexes = opened
    other, log = made(tmp_path / "other"), indexes[0]._log

    def late(db, ids):
        log(db, ids)
        os.replace(other, folder / FILE) if replace else unlink(folder)

    monkeypatch.setattr(indexes[0], "_log", late)
    with pytest.raises(UserError, match="was deleted or replaced while it was written; do it"):
        indexes[0].add(ITEMS[:1])
    monkeypatch.undo()
    if not replace:
        made(folder)
    assert_holds(indexes, OTHERS)
    indexes[0].add(ITEMS[:1])
    assert_holds(indexes, [*OTHERS, ITEMS[0]])


def test_a_link_that_is_turned_to_another_file(tmp_path):
    first, second = made(tmp_path / "first", ITEMS), made(tmp_path / "second")
    (tmp_path / "index").mkdir()
    link = tmp_path / "index" / FILE
    link.symlink_to(first)
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        assert_holds([index], ITEMS)
        (tmp_path / "new").symlink_to(second)
        os.replace(tmp_path / "new", link)
        assert_holds([index], OTHERS)
        index.add(ITEMS[:1])
    with closing(Embedded(tmp_path / "second", 48, "m")) as index:
        assert_holds([index], [*OTHERS, ITEMS[0]])


def test_an_index_from_before_generations(tmp_path):
    """It has the change log of its own, and a generation from its first write on."""
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as db:
        db.executescript("pragma journal_mode=wal;" + tables.SCHEMA)
        db.execute("insert into setting values ('bits', '48'), ('model', 'm')")
        for item in ITEMS:
            db.execute("insert into item values (?, ?, '{}')", [item.id, item.code.tobytes()])
            db.execute("insert into change (id) values (?)", [item.id])
    expected = BruteForce(ITEMS)
    with (
        closing(Embedded(tmp_path, 48, "m")) as index,
        closing(Embedded(tmp_path, 48, "m", create=False)) as reader,
    ):
        for each in (index, reader):
            assert answers(each.nearest(QUERIES, 9)) == expected.nearest(QUERIES, 9)
            with each._file.reading() as file:
                assert tables.GENERATION not in tables.settings(file.db, tmp_path)
        index.delete([ITEMS[0].id])
        expected.stored.pop(ITEMS[0].id)
        with reader._file.reading() as file:
            found = tables.settings(file.db, tmp_path)[tables.GENERATION]
        index.delete([ITEMS[0].id])
        for each in (index, reader):
            assert answers(each.nearest(QUERIES, 300)) == expected.nearest(QUERIES, 300)
            with each._file.reading() as file:
                assert tables.settings(file.db, tmp_path)[tables.GENERATION] == found


def test_equal_numbers_of_changes_are_not_taken_for_the_same_content(tmp_path):
    """As many changes in the restored index as in the one before, and more of them, and fewer."""
    with closing(Embedded(tmp_path / "index", 48, "m")) as index:
        index.add(ITEMS[:50])
        for count in (50, 80, 20):
            other = tmp_path / str(count)
            made(other, OTHERS[:count])
            backup(other, tmp_path / f"{count}.sqlite")
            index.nearest(QUERIES, 1)
            restore(tmp_path / "index", tmp_path / f"{count}.sqlite")
            assert_holds([index], OTHERS[:count])
            code = np.invert(OTHERS[0].code)
            index.add([OTHERS[0]._replace(code=code)])
            assert_holds([index], [OTHERS[0]._replace(code=code), *OTHERS[1:count]])


def test_as_many_changes_as_were_seen_before_a_restore(tmp_path):
    """The log of changes since then is not the one of the rows in memory."""
    folder = tmp_path / "index"
    with closing(Embedded(folder, 48, "m")) as writer, closing(Embedded(folder, 48, "m")) as reader:
        writer.add(ITEMS[:50])
        backup(folder, tmp_path / "kept")
        for item in ITEMS[50:60]:
            writer.add([item])
        assert_holds([reader], ITEMS[:60])
        restore(folder, tmp_path / "kept")
        for item in ITEMS[100:110]:
            writer.add([item])
        writer.add(ITEMS[150:153])
        assert_holds([reader, writer], [*ITEMS[:50], *ITEMS[100:110], *ITEMS[150:153]])
