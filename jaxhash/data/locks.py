"""Locks on files, between processes: who prepares, who reads, who may delete."""

import contextlib
import errno
import fcntl
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

# File systems that have no locks: nothing is deleted there that another process may read.
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)


class InUse(Exception):
    """Another process holds the lock."""


class Held:
    """A lock that is held until this object is deleted."""

    def __init__(self, file: int):
        """Takes the descriptor of an open file that is locked."""
        self._close = weakref.finalize(self, os.close, file)


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[bool]:
    """Holds a lock file, which is deleted afterwards, for one process at a time.

    Args:
      path: of the lock file; its folder exists.
      waiting: called where another process holds the lock, before waiting for it; None does not
        wait.

    Yields:
      whether there is a lock: False on file systems that have none.

    Raises:
      InUse: another process holds it, and `waiting` is None.
      OSError: the file cannot be made.
    """
    while True:
        with path.open("ab") as file:
            locked = _lock(file.fileno(), fcntl.LOCK_EX, waiting)
            if locked and not _is_at(file.fileno(), path):
                continue  # whoever held it has deleted it
            try:
                yield locked
            finally:
                with contextlib.suppress(OSError):
                    if locked:
                        path.unlink()
            return


def shared(path: Path) -> Held | None:
    """Locks a file for reading, along with others.

    Returns:
      the lock; None where the file is gone, or about to be deleted.

    Raises:
      OSError: it cannot be opened.
    """
    try:
        file = os.open(path, os.O_RDONLY)
        held = Held(file)
        _lock(file, fcntl.LOCK_SH, None)
    except (InUse, FileNotFoundError):
        return None
    return held if _is_at(file, path) else None


@contextlib.contextmanager
def unread(path: Path) -> Iterator[bool]:
    """Holds a file that nobody reads by `shared`, so that it can be deleted.

    Yields:
      whether that is sure: False on file systems that have no locks.

    Raises:
      InUse: somebody reads it.
      OSError: it cannot be opened.
    """
    with path.open("r+b") as file:
        yield _lock(file.fileno(), fcntl.LOCK_EX, None)


def _lock(file: int, kind: int, waiting: Callable[[], None] | None) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is None:
            raise InUse from None
        waiting()
        fcntl.flock(file, kind)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return False
        raise
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False
