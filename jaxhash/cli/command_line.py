"""What the commands share: an argument parser with one-line errors, and exit codes."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from jaxhash.errors import UserError, nearest, report


class Parser(argparse.ArgumentParser):
    """Reports every mistake in one line; shows its description as it is written.

    Flags are not abbreviated, so that one that is added later changes no existing command.
    """

    def __init__(self, prog: str | None = None, **options):
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, **{"formatter_class": form, "allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raises UserError."""
        raise UserError(f"{message.removeprefix('argument ')}; --help says more")

    def refuse(self, argument: str) -> NoReturn:
        """Raises UserError for an argument that the command does not take.

        >>> parser = Parser()
        >>> _ = parser.add_argument("--mode")
        >>> parser.refuse("--modes=train")
        Traceback (most recent call last):
        jaxhash.errors.UserError: unknown flag '--modes': did you mean --mode?
        """
        if not argument.startswith("-") or argument == "--":
            raise UserError(f"unexpected argument {argument!r}: flags start with --")
        flag = argument.partition("=")[0]
        known = [name for name in self._option_string_actions if name.startswith("--")]
        raise UserError(f"unknown flag {flag!r}: {nearest(flag, known)}")


def whole(low: int) -> Callable[[str], int]:
    """Returns a type for `add_argument`: whole numbers from `low`.

    >>> whole(1)("12")
    12
    """

    def read(text: str) -> int:
        value = int(text) if text.strip().lstrip("+-").isdigit() else low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low}, not {text}")
        return value

    return read


def run(main: Callable[[], int | None], stopped: str = "") -> NoReturn:
    """Ends the process with the exit code of `main`, or 2 and one line on stderr for a UserError.

    Args:
      main: returns an exit code, or None for 0.
      stopped: what is kept after Ctrl-C, in one line; the exit code is 130. Without it Ctrl-C has
        its usual traceback.
    """
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(report(error))
    except KeyboardInterrupt:
        if not stopped:
            raise
        print(f"jaxhash: {stopped}", file=sys.stderr)
        sys.exit(130)
