"""What the commands share: arguments whose mistakes are one line, and how a process ends."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from jaxhash.errors import UserError, report


class Parser(argparse.ArgumentParser):
    """Says every mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Raises UserError."""
        raise UserError(f"{message}; --help says more")


def run(main: Callable[[], int | None], stopped: str = "") -> NoReturn:
    """Ends the process with the exit code of `main`, or 2 and one line on stderr for a UserError.

    Args:
      main: returns an exit code, or None for 0.
      stopped: what Ctrl-C leaves behind, in one line; the exit code is 130. Without it Ctrl-C has
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
