"""The one exception that a user is meant to read."""

import difflib
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
