"""The one exception that a user is meant to read."""

import difflib
import sys
import traceback
from collections.abc import Iterable


class UserError(Exception):
    """Something that the person at the keyboard can put right.

    The message is one line: what was wrong, what was expected, what to do. `jaxhash.main` prints
    it without a traceback and exits with code 2.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Names the known words nearest to a mistyped one, for the end of an error message.

    >>> nearest("dhidda", ["dhida", "dah"])
    'did you mean dhida?'
    >>> nearest("xyz", ["dhida", "dah"])
    'known: dah, dhida'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def report(error: BaseException, who: str = "") -> int:
    """Says on stderr what ended the process: a UserError in one line, others with a traceback.

    Args:
      error: what was raised.
      who: names the process, where there are several.

    Returns:
      the exit code: 2 for a UserError, that of SystemExit, and 1 for all others.
    """
    if isinstance(error, UserError):
        print(f"jaxhash: {who}: {error}" if who else f"jaxhash: {error}", file=sys.stderr)
        return 2
    if isinstance(error, SystemExit) and isinstance(error.code, int | None):
        return error.code or 0
    traceback.print_exception(error)
    return 1
