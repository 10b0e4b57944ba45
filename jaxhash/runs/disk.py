"""The disk of a run: what is whole on it, and its errors in one line each."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from etils import epath

from jaxhash.errors import UserError, first_line

CHECKPOINTS = "checkpoints"
FULL = (errno.ENOSPC, errno.EDQUOT)
# How TensorStore, which writes the arrays of checkpoints, names an error of the system.
_NUMBER = re.compile(r"(?:os_error_code='|\[OS error |\[Errno )(\d+)")


def checkpoints(workdir: epath.Path) -> list[int]:
    """Lists the steps of the complete checkpoints of a run, ascending; makes no folder.

    Raises:
      UserError: the folder of checkpoints cannot be listed.
    """
    folder = workdir / CHECKPOINTS
    try:
        # Orbax writes to a folder of another name, and renames it when it is complete.
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({reason(error)}); allow it") from None


def number(error: BaseException) -> int | None:
    """Returns the errno of an error; None where it is none of the system.

    >>> number(OSError(28, "full")), number(ValueError("no write [os_error_code='13']"))
    (28, 13)
    """
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = _NUMBER.search(str(error))
    return int(found[1]) if found else None


def reason(error: BaseException) -> str:
    """Says in a few words why something could not be written or read.

    >>> reason(ValueError("Failed to write 9 bytes [os_error_code='28']"))
    'No space left on device'
    """
    code = number(error)
    return os.strerror(code) if code else first_line(error)[:200]


@contextlib.contextmanager
def writing(workdir: epath.Path, path: epath.PathLike) -> Iterator[None]:
    """Turns an OSError of the block into a UserError: what is full, what is whole, what to do.

    Args:
      workdir: of the run.
      path: that is written in the block, for the message.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(workdir, path, error) from error


def unwritable(workdir: epath.Path, path: epath.PathLike, error: BaseException) -> UserError:
    """Makes the error of a path in the folder of a run that could not be written."""
    try:
        kept = checkpoints(workdir)
    except UserError:
        kept = []
    then = (
        f"the same command goes on from checkpoint {kept[-1]}, which is whole"
        if kept
        else "the same command starts again"
    )
    advice = (
        "free some space, or keep fewer checkpoints with checkpoint.keep"
        if number(error) in FULL
        else "allow writing there, or give another --workdir"
    )
    return UserError(f"{os.fspath(path)}: cannot be written ({reason(error)}); {advice}; {then}")


def unreadable(folder: epath.Path) -> OSError | None:
    """Tries to open everything in a folder; returns the first error, which has its filename."""
    found: list[OSError] = []
    for parent, _, names in os.walk(folder, onerror=found.append):
        for name in names:
            try:
                Path(parent, name).open("rb").close()
            except OSError as error:
                found.append(error)
        if found:
            break
    return found[0] if found else None
