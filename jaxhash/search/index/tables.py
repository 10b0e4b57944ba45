"""The tables of an index in SQLite, and its settings: bits and model of the codes."""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from jaxhash.errors import UserError
from jaxhash.search.index.failures import one_line, permitted, refused
from jaxhash.search.index.identity import alone, unlink_beside
from jaxhash.search.index.opening import open_to_read, open_to_write

FILE = "codes.sqlite"
GENERATION = "generation"  # a setting that changes when all content is exchanged
TABLES = {"setting", "item", "change"}
SCHEMA = """
create table if not exists setting (name text primary key, value text not null) without rowid;
create table if not exists item (
    id text primary key, code blob not null, metadata text not null
) without rowid;
create table if not exists change (number integer primary key autoincrement, id text not null);
"""


def create(path: Path, ours: Mapping[str, str]) -> None:
    """Creates an index where there is none; writes nothing where there is one.

    Args:
      path: of the file; its folder is created too.
      ours: settings of a new index, bits and model.

    Raises:
      UserError: there is one that cannot be written, or the file is one of another program.
    """
    with one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            with contextlib.closing(open_to_read(path)) as opened:
                if not permitted(path, os.W_OK):
                    raise refused(path)
                if opened.frozen:
                    raise opened.frozen
                if settings(opened.db, path):
                    return
        with _new(path), contextlib.closing(open_to_write(path)) as opened:
            opened.db.executescript("begin immediate;" + SCHEMA)
            if not settings(opened.db, path):
                opened.db.executemany("insert into setting values (?, ?)", ours.items())
            begin_generation(opened.db, again=False)
            opened.db.execute("commit")


@contextlib.contextmanager
def _new(path: Path) -> Iterator[None]:
    """Makes a file if there is none; if an error leaves it empty, it is deleted."""
    with alone(path.parent):
        new = not path.exists()
        if new:
            unlink_beside(path)
            path.touch()
    try:
        yield
    except BaseException:
        files = (path, Path(f"{path}-wal"))
        with alone(path.parent):
            if new and not any(file.exists() and file.stat().st_size for file in files):
                unlink_beside(path)
                path.unlink(missing_ok=True)
        raise


def begin_generation(db: sqlite3.Connection, again: bool = True) -> None:
    """Gives an index a new generation; without `again`, only where it has none."""
    verb = "replace" if again else "ignore"
    db.execute(f"insert or {verb} into setting values (?, ?)", [GENERATION, secrets.token_hex(16)])


def settings(db: sqlite3.Connection, path: Path) -> dict[str, str]:
    """Reads the settings of an index; none where it has no tables yet.

    Raises:
      UserError: the file is a database of another program.
    """
    tables = {name for (name,) in db.execute("select name from sqlite_master where type='table'")}
    if tables and not tables & TABLES:
        raise UserError(f"index {path}: a database of another program; give another --index")
    return dict(db.execute("select name, value from setting")) if tables >= TABLES else {}
