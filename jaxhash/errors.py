"""The exception for mistakes of the user, and the words of error messages."""

import difflib
import errno
import os
import sys
import traceback
from collections.abc import Iterable

# Errors of the system that no code can avoid, and what to do about them.
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "allow it",
    errno.EPERM: "allow it",
    errno.EROFS: "name another folder",
    errno.EIO: "check the disk",
}


class UserError(Exception):
    """A mistake in what the user gave, that the user can correct.

    The message is one line: what was wrong, what was expected, what to do. The commands print it
    without a traceback and exit with code 2.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggests the known name closest to an unknown one, for the end of an error message.

    >>> nearest("dhidda", ["dhida", "dah"])
    'did you mean dhida?'
    >>> nearest("xyz", ["dhida", "dah"])
    'known: dah, dhida'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message that is not empty, or else the error's type.

    >>> first_line(ValueError("\\n  no such column\\nand more")), first_line(KeyError())
    ('no such column', 'KeyError')
    """
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)


def printable(name: str) -> str:
    """Writes a name in one line, with escapes for what cannot be printed.

    >>> print(printable("a b\\n\\udce9é"))
    a b\\n\\udce9é
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name
    )


def report(error: BaseException, who: str = "") -> int:
    """Prints on stderr what ended the process.

    That is one line for a UserError, and for a full disk, a missing permission and the like,
    wherever they arise; others have a traceback.

    Args:
      error: what was raised.
      who: names the process, where there are several.

    Returns:
      the exit code: 2 where one line is printed, that of SystemExit, and 1 for all others.
    """
    if isinstance(error, OSError) and error.errno in REMEDIES:
        at = f"{error.filename}: " if isinstance(error.filename, str) else ""
        todo = f"{REMEDIES[error.errno]}, and give the same command again"
        error = UserError(f"{at}{os.strerror(error.errno)}; {todo}")
    if isinstance(error, UserError):
        # One line, whatever names of files it quotes; in one piece: several processes may write.
        text = printable(str(error))
        sys.stderr.write(f"jaxhash: {who}: {text}\n" if who else f"jaxhash: {text}\n")
        sys.stderr.flush()
        return 2
    if isinstance(error, SystemExit):
        if isinstance(error.code, int | None):
            return error.code or 0
        print(error.code, file=sys.stderr)  # as Python does where it ends by one
        return 1
    traceback.print_exception(error)
    return 1
