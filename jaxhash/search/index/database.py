"""The file of an index: read and written by threads and processes, and replaced at times."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from jaxhash.errors import UserError
from jaxhash.search.index.failures import BUSY, WAIT, one_line
from jaxhash.search.index.identity import of
from jaxhash.search.index.interface import NONE_YET, check_identity
from jaxhash.search.index.opening import Opened, open_to_read, open_to_write
from jaxhash.search.index.tables import begin_generation, create, settings


class Database:
    """Transactions on the file that is at the path now.

    Reading and writing have a connection each, so that a write that waits for another program stops
    no read. Every transaction compares the file at the path with the open one: after the file was
    replaced by another index of the same network it goes on with that one, and without such a file
    it is refused.
    """

    def __init__(self, path: Path, ours: Mapping[str, str], make: bool):
        """Opens an index, or makes an empty one.

        Args:
          path: of the file.
          ours: the settings that the index must have, and a new one gets.
          make: whether to make one where there is none, and to refuse one that cannot be written.

        Raises:
          UserError: there is no index and `make` is false, or it has other settings, or cannot be
            read.
        """
        self.path = path.absolute()
        self._reader = _Link(self.path, ours, open_to_read)
        self._writer = _Link(self.path, ours, open_to_write)
        if make:
            create(self.path, ours)
        with one_line(self.path):
            if not self.path.exists():
                raise UserError(f"{self.path.parent}: {NONE_YET}")
            self._reader.ready()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Opened]:
        """A transaction that reads; waits for other reads of this object alone."""
        with self._reader.lock, one_line(self.path):
            opened = self._reader.ready()
            try:
                with _transaction(opened.db, "deferred"):
                    yield opened
            finally:
                if opened.frozen and not opened.is_at(self.path):
                    raise UserError(f"index {self.path}: was changed while it was read; try again")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes: on disk, in the file at the path, when the block has ended.

        Raises:
          UserError: another program writes for 10 s, or the file cannot be written, or it was
            deleted or replaced meanwhile.
        """
        end = time.monotonic() + WAIT
        if not self._writer.lock.acquire(timeout=WAIT):
            raise UserError(f"index {self.path}: {BUSY}")
        try:
            with one_line(self.path):
                opened = self._writer.ready()
                left = max(0, int(1000 * (end - time.monotonic())))
                opened.db.execute(f"pragma busy_timeout={left}")
                with _transaction(opened.db, "immediate"):
                    begin_generation(opened.db, again=False)
                    yield opened.db
                opened.settle()
                if not opened.is_at(self.path):
                    raise UserError(
                        f"index {self.path}: was deleted or replaced while it was written; do it "
                        "again"
                    )
        finally:
            self._writer.lock.release()

    def close(self) -> None:
        """Closes the file."""
        for link in (self._writer, self._reader):
            with link.lock:
                link.close()


class _Link:
    """A connection to the file at a path, made again when it is another file."""

    def __init__(self, path: Path, ours: Mapping[str, str], open_: Callable[[Path], Opened]):
        self.lock = threading.Lock()
        self._path, self._ours, self._open = path, ours, open_
        self._opened: Opened | None = None
        self._closed = False

    def ready(self) -> Opened:
        if self._closed:
            raise UserError(f"index {self._path}: is closed")
        if self._opened and not self._opened.is_at(self._path):
            if self._opened.lost_its_log() and not self._opened.settle():
                raise UserError(
                    f"index {self._path}: its log was deleted, and others use it; try again when "
                    "they have ended"
                )
            self._opened.let_go()
            self._opened = None
        if self._opened is None:
            self._opened = self._checked()
        return self._opened

    def close(self) -> None:
        self._closed = True
        if self._opened:
            self._opened.close()
            self._opened = None

    def _checked(self) -> Opened:
        gone = f"index {self._path}: was deleted; restore a backup of it, or index again"
        if of(self._path) is None:
            raise UserError(gone)
        try:
            opened = self._open(self._path)
        except (sqlite3.Error, OSError):
            if of(self._path) is None:
                raise UserError(gone) from None
            raise
        try:
            found = settings(opened.db, self._path)
            if not found:
                raise UserError(f"{self._path.parent}: {NONE_YET}")
            check_identity(str(self._path.parent), found, self._ours)
        except BaseException:
            opened.close()
            raise
        return opened


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    """Commits at the end of the block; an exception rolls back."""
    db.execute(f"begin {kind}")
    try:
        yield
        db.execute("commit")
    finally:
        if db.in_transaction:
            db.execute("rollback")
