"""A new file that gets its name when it is whole."""

import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jaxhash.errors import UserError, first_line
from jaxhash.search.index.failures import code


@contextlib.contextmanager
def unfinished(to: Path) -> Iterator[Path]:
    """Writes a new file, an SQLite database, under a name of its own.

    At the end of the block it is on the disk and has its name; an error deletes it. What a killed
    process left is written again from the start.

    Args:
      to: the new file.

    Yields:
      `to` with ".unfinished", an empty file.

    Raises:
      UserError: the file exists already, cannot be written, or another process is writing it.
    """
    _refuse_existing(to)
    place = to.with_name(f"{to.name}.unfinished")
    with _one_line(to):
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, place)
        try:
            with _one_line(to):
                os.truncate(handle, 0)
                Path(f"{place}-journal").unlink(missing_ok=True)
                yield place
                os.fsync(handle)
                _refuse_existing(to)
                os.replace(place, to)
                _sync(to.parent)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    finally:
        os.close(handle)


def _lock(handle: int, place: Path) -> None:
    busy = UserError(f"{place}: another process is writing it; wait for its end")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy from None
    except OSError:
        pass  # some network disks have no locks
    # Another process may have renamed or deleted it between opening and locking.
    if not place.exists() or not os.path.samestat(os.fstat(handle), place.stat()):
        raise busy


def _refuse_existing(to: Path) -> None:
    if to.exists():
        raise UserError(f"{to}: exists already; give another name, or delete it")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _one_line(to: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if code(error) in ("CORRUPT", "NOTADB"):
            raise  # of what is copied
        reason = (isinstance(error, OSError) and error.strerror) or first_line(error)
        if code(error) == "FULL":
            reason = os.strerror(errno.ENOSPC)
        raise UserError(f"{to}: cannot be written ({reason}); give another place") from error
