"""Errors of an index's file, of SQLite or of the disk, in one line that says what to do."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jaxhash.errors import UserError, first_line

WAIT = 10  # seconds that a call waits for other programs that use the file
SPARE = 1 << 16  # bytes: with fewer left, what SQLite calls an I/O error is a full disk
FULL = "the disk is full; free some space and do it again, what was stored before is kept"
BUSY = f"another program has kept it locked for {WAIT} s; do it again when that has ended"
DAMAGED = "move it and all files with its name and -wal or -shm away, then restore a backup of it"


@contextlib.contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the disk in the block into a UserError.

    Args:
      path: of the index's file, which the block uses.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UserError(f"index {path}: {explained(path, error)}") from error


def explained(path: Path, error: BaseException) -> str:
    """Says what an error of a file means, and what to do.

    >>> explained(Path("codes.sqlite"), OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full; free some space and do it again, what was stored before is kept'
    """
    kind, reason = code(error), first_line(error)
    if isinstance(error, OSError):
        return _explained(path, error)
    if kind == "FULL" or (kind == "IOERR" and _full(path.parent)):
        return FULL
    if kind in ("BUSY", "LOCKED"):
        return BUSY
    if kind == "CANTOPEN" and path.exists() and not permitted(path, os.R_OK):
        return f"cannot be read ({os.strerror(errno.EACCES)}); allow it, or give another --index"
    if kind == "READONLY" or (kind == "CANTOPEN" and unwritable(path)):
        return _closed(unwritable(path) or reason)
    if kind == "NOTADB":
        return f"{reason}; give another --index, or {DAMAGED}"
    if kind == "CORRUPT":
        return f"damaged ({reason}); {DAMAGED}"
    return f"{reason}; try again, and see that the disk is sound"


def code(error: BaseException) -> str:
    """Returns SQLite's primary code of an error, without SQLITE_; "" for another error.

    >>> code(ValueError())
    ''
    """
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.removeprefix("SQLITE_").partition("_")[0]


def refused(path: Path) -> UserError:
    """Makes the error of a write to a file that may not be written."""
    reason = unwritable(path) or os.strerror(errno.EACCES)
    return UserError(f"index {path}: {_closed(reason)}")


def unwritable(path: Path) -> str | None:
    """Says why a file, and others beside it, may not be written; None where they may."""
    for place in (path, path.parent):
        if not permitted(place, os.W_OK):
            try:
                only = os.statvfs(place).f_flag & os.ST_RDONLY
            except OSError as error:
                return error.strerror
            return os.strerror(errno.EROFS if only else errno.EACCES)
    return None


def permitted(path: Path, what: int) -> bool:
    """Tells whether this process may read (os.R_OK) or write (os.W_OK) a file or folder.

    Opening the file would tell as well, but closing it again ends all locks that SQLite holds on it
    for this process.
    """
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _explained(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FULL
    reason = error.strerror or first_line(error)
    if error.filename and os.fspath(error.filename) != os.fspath(path):
        reason = f"{os.fspath(error.filename)}: {reason}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{reason}; allow it, or give another folder as --index"
    return f"{reason}; give another folder as --index"


def _closed(reason: str) -> str:
    return f"cannot be written ({reason}); allow it, or give a copy of its folder as --index"


def _full(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < SPARE
