"""What the commands share: an argument parser with one-line errors, and exit codes."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jaxhash.cli import compiled, cpu_devices, memory
from jaxhash.errors import UserError, nearest, report


class Parser(argparse.ArgumentParser):
    """Reports every mistake in one line; shows its description as it is written.

    Flags are not abbreviated, so that one that is added later changes no existing command. A flag
    with one value is refused where it is given twice: argparse would drop the first silently.
    """

    def __init__(self, prog: str | None = None, **options):
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, **{"formatter_class": form, "allow_abbrev": False, **options})
        self.given: set[str] = set()
        for action in (None, "store"):
            self.register("action", action, _StoreOnce)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        """Parses what it knows, as `parse_args` does; see argparse."""
        self.given = set()
        return super().parse_known_args(args, namespace)

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


class _StoreOnce(argparse.Action):
    """Stores the value of a flag, which may be given once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(parser, Parser)
        if option_string and self.dest in parser.given:
            raise argparse.ArgumentError(self, "given more than once: expected one value")
        parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


def whole(low: int) -> Callable[[str], int]:
    """Returns a type for `add_argument`: whole numbers from `low`.

    >>> whole(1)("12")
    12
    """

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low}, not {text}")
        return value

    return read


def plain_letters() -> None:
    """Has letters that the terminal does not know written as escapes, as in names of files."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def prepare(*, steps: bool = False) -> None:
    """Prepares a process that runs a command, before JAX is imported.

    What JAX compiles is kept for the next command, see `jaxhash.cli.compiled`.

    Args:
      steps: whether the command computes many steps alike, see `jaxhash.cli.memory` and
        `jaxhash.cli.cpu_devices`.
    """
    compiled.keep()
    if steps:
        memory.keep()
        cpu_devices.share(os.environ)
    plain_letters()


def run(main: Callable[[], int | None], stopped: str = "", *, steps: bool = False) -> NoReturn:
    """Ends the process with the exit code of `main`, or that of `jaxhash.errors.report`.

    Where nobody reads its output any more, it ends without a word, with 141.

    Args:
      main: returns an exit code, or None for 0.
      stopped: what is kept after Ctrl-C, in one line; the exit code is 130. Without it Ctrl-C has
        its usual traceback.
      steps: see `prepare`.
    """
    prepare(steps=steps)
    try:
        code = main()
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # who reads the output wants no more of it, as `| head`
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or the interpreter would flush again
        sys.exit(141)
    except (UserError, OSError) as error:
        sys.exit(report(error))
    except KeyboardInterrupt:
        if not stopped:
            raise
        print(f"jaxhash: {stopped}", file=sys.stderr)
        sys.exit(130)
