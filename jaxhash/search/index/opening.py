"""Opens the file of an index, to read it without a write, or to write it."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jaxhash.errors import UserError
from jaxhash.search.index.failures import WAIT, code, permitted, refused
from jaxhash.search.index.identity import alone, identity, of, unlink_beside

_TRIES = 5  # to open a file that others replace at the same time
_NO_LOCKS = {"CANTOPEN", "READONLY", "IOERR", "FULL", "PERM"}


class Opened(NamedTuple):
    """An open file of an index.

    db: the connection, which makes transactions by statements alone.
    path: of the file, without links, beside which SQLite has its log.
    identity: of the file; see `identity`.
    frozen: None, or the error that did not let SQLite lock the file. It is then read as a file that
      nobody changes, and only its identity tells whether that is true.
    copy: the folder of the copy that is open in place of the file, if any.
    """

    db: sqlite3.Connection
    path: Path
    identity: tuple
    frozen: Exception | None = None
    copy: tempfile.TemporaryDirectory | None = None

    def is_at(self, path: Path) -> bool:
        """Tells whether a path leads to this file as it was opened."""
        return identity(path, f"{self.path}-wal", self.frozen is not None) == self.identity

    def close(self) -> None:
        """Closes the file, and deletes the copy."""
        self.db.close()
        if self.copy:
            self.copy.cleanup()

    def settle(self) -> bool:
        """Moves what is in the log into the file, so that the file alone is whole.

        A copy of the file alone, and another file in its place, then lack nothing.

        Returns:
          whether all was moved; not while another process reads or writes, but later.
        """
        if self.frozen:
            return True
        try:
            self.db.execute("pragma busy_timeout=0")
            return not self.db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        except sqlite3.Error:  # a full disk, for example; it stays in the log
            return False

    def lost_its_log(self) -> bool:
        """Tells whether the log alone was deleted: what is in it is reached through `db` alone."""
        there, log = of(self.path), of(f"{self.path}-wal")
        return not self.frozen and (there, log) == (self.identity[0], None) != self.identity

    def let_go(self) -> None:
        """Closes a file that is not at its path any more.

        All that was written to it is moved into the file itself, wherever that is now. A log that
        stayed at the path is deleted, since SQLite would apply it to the next file there.
        """
        if not self.frozen and of(self.path) != self.identity[0]:
            settled = self.settle()
            with contextlib.suppress(OSError), alone(self.path.parent):
                file, log = of(self.path), of(f"{self.path}-wal")
                moved = file != self.identity[0] and log is not None and log == self.identity[1]
                # Without another file, what is still in the log may be needed.
                if moved and (file or settled):
                    unlink_beside(self.path)
        self.close()


def open_to_read(path: Path) -> Opened:
    """Opens a file without a write; waits for no writer.

    Raises:
      sqlite3.Error, OSError: it is not there, not readable, or damaged.
      UserError: others replace it all the time.
    """
    for _ in range(_TRIES):
        real = Path(os.path.realpath(path))
        before = of(real), of(real, frozen=True)
        opened = _open_as_permitted(real)
        if opened.identity[0] in before and opened.is_at(path):
            return opened
        opened.close()
    raise UserError(f"index {path}: changes all the time, and cannot be locked; try again later")


def open_to_write(path: Path) -> Opened:
    """Opens a file, which must be there, to write it.

    Raises:
      sqlite3.Error, OSError: it is not there, or damaged.
      UserError: it may not be written.
    """
    for _ in range(_TRIES):
        real = Path(os.path.realpath(path))
        before = of(real)
        if before and not permitted(real, os.W_OK):
            raise refused(path)
        db = _connect(real, "mode=rw")
        with _closed_by_an_error(db):
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=full")
            _touch(db)
            found = identity(real, f"{real}-wal")
        if found and found[0] == before:
            return Opened(db, real, found)
        db.close()
    raise UserError(f"index {path}: is replaced all the time; try again later")


def _open_as_permitted(path: Path) -> Opened:
    # SQLite makes the files beside it, which another user could then not write: only where this one
    # may write the file itself, or where they are there.
    writable = permitted(path, os.W_OK)
    if not writable and not all(os.path.exists(f"{path}{end}") for end in ("-wal", "-shm")):
        return _open_frozen(path, refused(path))
    try:
        db = _connect(path, "mode=rw" if writable else "mode=ro")
        with _closed_by_an_error(db):
            db.execute("pragma query_only=1")
            _touch(db)
            found = identity(path, f"{path}-wal")
        return Opened(db, path, found or (None, None))
    except sqlite3.OperationalError as error:
        if code(error) not in _NO_LOCKS:
            raise
        return _open_frozen(path, error)


def _open_frozen(path: Path, why: Exception) -> Opened:
    """Opens a file that cannot be locked; what is in a log beside it is applied to a copy."""
    found = identity(path, f"{path}-wal", frozen=True)
    if found is None:
        raise why
    logs = [f"{path}{end}" for end in ("-wal", "-journal")]
    logs = [log for log in logs if os.path.exists(log) and os.path.getsize(log)]
    if not logs:
        db = _connect(path, "mode=ro&immutable=1")
        with _closed_by_an_error(db):
            _touch(db)
        return Opened(db, path, found, why)
    folder = tempfile.TemporaryDirectory(prefix="jaxhash-")
    try:
        for file in (str(path), *logs):
            shutil.copyfile(file, Path(folder.name) / os.path.basename(file))
        db = _connect(Path(folder.name) / path.name, "mode=rw")
        with _closed_by_an_error(db):
            _touch(db)
    except BaseException:
        folder.cleanup()
        raise
    return Opened(db, path, found, why, folder)


def _touch(db: sqlite3.Connection) -> None:
    """Reads something: only then does SQLite open the log, and see whether it is a database."""
    db.execute("select count(*) from sqlite_master").fetchone()


def _connect(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{options}",
        uri=True,
        timeout=WAIT,
        isolation_level=None,
        check_same_thread=False,
    )


@contextlib.contextmanager
def _closed_by_an_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise
