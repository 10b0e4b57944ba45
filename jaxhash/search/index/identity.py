"""Which file is at a path, and the files that SQLite keeps beside it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

BESIDE = ("-wal", "-shm", "-journal")


def identity(path: Path, log: str, frozen: bool = False) -> tuple | None:
    """Identifies the file at a path, and SQLite's log of it.

    An inode is not given to another file while this one is open, so that a file that is deleted and
    made again has another identity.

    Args:
      path: of the file, or of a link to it.
      log: the path of the log.
      frozen: whether size and time belong to the identity too.

    Returns:
      the identities of file and log, None for a log that is not there; None without a file.
    """
    file = of(path, frozen)
    return file and (file, of(log, frozen))


def of(path: Path | str, frozen: bool = False) -> tuple | None:
    """Identifies one file; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if frozen:
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    return found.st_dev, found.st_ino


def unlink_beside(path: Path) -> None:
    """Deletes what SQLite kept beside a file that is not there any more.

    SQLite takes these files for those of the next file of that name, and applies the log to it.
    Only to be called in `alone`.
    """
    for end in BESIDE:
        Path(f"{path}{end}").unlink(missing_ok=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A lock on a folder between processes of this package, held for moments."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network disks have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
