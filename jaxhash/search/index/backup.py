"""Copies an index into one file, and back, while other processes read and write it."""

import contextlib
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from jaxhash.errors import UserError, first_line
from jaxhash.search.index.failures import BUSY, WAIT, one_line
from jaxhash.search.index.identity import alone, unlink_beside
from jaxhash.search.index.interface import NONE_YET
from jaxhash.search.index.opening import open_to_read, open_to_write
from jaxhash.search.index.tables import FILE, begin_generation, settings
from jaxhash.search.index.unfinished import unfinished

DAMAGED = (sqlite3.DatabaseError, ValueError, TypeError)


def backup(folder: Path, to: Path) -> int:
    """Writes the index of a folder, as it is at this moment, into a new file.

    The file is complete in itself and can be copied. Pictures beside the index are not in it.

    Args:
      folder: of the index, which other processes may use.
      to: the new file. It gets this name when it is on the disk and was checked.

    Returns:
      the number of items in it.

    Raises:
      UserError: there is no index, `to` exists already, or one of them cannot be read or written.
    """
    path = folder / FILE
    with one_line(path):
        if not path.exists():
            raise UserError(f"{folder}: {NONE_YET}")
        with contextlib.closing(open_to_read(path)) as opened:
            if not settings(opened.db, path):
                raise UserError(f"{folder}: {NONE_YET}")
            with unfinished(to) as place:
                _write(opened.db, place)
                if not opened.is_at(path):
                    raise UserError(f"index {path}: was replaced meanwhile; do it again")
                with contextlib.closing(sqlite3.connect(place)) as copy:
                    broken = _broken(copy)
                    if broken:
                        raise UserError(f"index {path}: damaged ({broken}); restore a backup of it")
                    return _count(copy)


def restore(folder: Path, from_file: Path) -> int:
    """Replaces the content of an index by that of a backup, or makes an index of it.

    Processes that use the index meanwhile see the old content or the new one, and no mixture.

    Args:
      folder: of the index; created if there is none.
      from_file: made by `backup`; it is not changed.

    Returns:
      the number of items in the index.

    Raises:
      UserError: the file is not an index, is damaged, or is one of other bits or another model than
        the index; or the index cannot be written. What was in the index is kept then.
    """
    path = folder / FILE
    with contextlib.closing(sqlite3.connect("", isolation_level=None)) as stage:  # has no name
        ours = _stage(from_file, path, stage)
        with one_line(path):
            folder.mkdir(parents=True, exist_ok=True)
            with alone(folder):
                there = path.exists()
                if not there:
                    unlink_beside(path)
            if not there:
                with unfinished(path) as place:
                    _write(stage, place)
            else:
                _exchange(path, stage, from_file, ours)
        return _count(stage)


def _stage(from_file: Path, path: Path, stage: sqlite3.Connection) -> dict[str, str]:
    """Copies a backup into `stage`, checks it, and gives it a generation; returns its settings."""
    if not from_file.is_file():
        raise UserError(f"{from_file}: no such file; expected a backup of an index")
    if path.exists() and from_file.samefile(path):
        raise UserError(f"{from_file}: is the index itself; expected a backup of it")
    try:
        with contextlib.closing(open_to_read(from_file)) as opened:
            found = settings(opened.db, from_file)
            opened.db.backup(stage)
            if not opened.is_at(from_file):
                raise UserError(f"{from_file}: was changed while it was read; do it again")
        size = -(-int(found.get("bits", 0)) // 8)
        if not size or "model" not in found:
            raise UserError(f"{from_file}: not an index; expected a backup of one")
        broken = _broken(stage)
        query = "select count(*) from item where length(code) != ?"
        if not broken and stage.execute(query, [size]).fetchone()[0]:
            broken = "codes of several lengths"
    except OSError as error:
        raise UserError(f"{from_file}: cannot be read ({error.strerror}); allow it") from error
    except DAMAGED as error:
        broken = first_line(error)
    if broken:
        raise UserError(f"{from_file}: damaged, or not an index ({broken}); give another backup")
    begin_generation(stage)
    return found


def _exchange(
    path: Path, stage: sqlite3.Connection, from_file: Path, ours: Mapping[str, str]
) -> None:
    """Copies `stage` into an index, in one transaction."""
    with contextlib.closing(open_to_write(path)) as opened:
        found = settings(opened.db, path)
        for name in ("bits", "model") if found else ():
            if found.get(name) != ours[name]:
                raise UserError(
                    f"{from_file} holds codes of {name} {ours[name]}, the index in {path.parent} "
                    f"those of {name} {found.get(name)}: restore it to another folder"
                )
        sizes = [db.execute("pragma page_size").fetchone()[0] for db in (stage, opened.db)]
        if sizes[0] != sizes[1]:  # SQLite copies pages
            raise UserError(
                f"{from_file} has pages of {sizes[0]} bytes, the index in {path.parent} of "
                f"{sizes[1]}: restore it to another folder"
            )
        end = time.monotonic() + WAIT

        def stop(status: int, remaining: int, total: int) -> None:
            # SQLite's module would wait for a writer for ever.
            if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > end:
                raise UserError(f"index {path}: {BUSY}")

        stage.backup(opened.db, progress=stop, sleep=0.1)
        opened.settle()
        if not opened.is_at(path):
            raise UserError(f"index {path}: was deleted or replaced meanwhile; do it again")


def _write(source: sqlite3.Connection, place: Path) -> None:
    with contextlib.closing(sqlite3.connect(place, isolation_level=None)) as target:
        source.backup(target)
        # Otherwise whoever opens it needs to make a log beside it.
        target.execute("pragma journal_mode=delete")


def _broken(db: sqlite3.Connection) -> str | None:
    found = db.execute("pragma integrity_check(1)").fetchone()[0]
    return None if found == "ok" else found.splitlines()[-1]


def _count(db: sqlite3.Connection) -> int:
    return db.execute("select count(*) from item").fetchone()[0]
