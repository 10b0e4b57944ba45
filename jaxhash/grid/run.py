"""One run of a grid: its command, its folder, its state, and the lock on it."""

import datetime
import fcntl
import json
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jaxhash.errors import UserError
from jaxhash.runs import workdir


class Run(NamedTuple):
    """One training of a grid, and its evaluation.

    Attributes:
      folder: its workdir, named after its settings.
      config: as after `--config=`: "configs/dhida.py:bits=16".
      overrides: as on the command line: "--config.seed=1".
    """

    folder: Path
    config: str
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its folder, unique in its grid."""
        return self.folder.name

    def arguments(self) -> list[str]:
        """Returns the arguments of `jaxhash.main` that train or resume it."""
        return [f"--config={self.config}", *self.overrides, f"--workdir={self.folder}"]

    def command(self) -> list[str]:
        """Returns the command that does so in a process of its own, unbuffered, for its log."""
        return [sys.executable, "-u", "-m", "jaxhash.main", *self.arguments()]

    def finished(self) -> bool:
        """Tells whether it has results."""
        return (self.folder / workdir.RESULTS).exists()

    def state(self) -> str:
        """Returns its state: done, running, begun or new."""
        if self.finished():
            return "done"
        log = self.folder / workdir.LOG
        if not log.exists():
            return "begun" if workdir.has_checkpoint(self.folder) else "new"
        with log.open("rb") as file:
            return "begun" if _lock(file) else "running"

    def claim(self) -> BinaryIO | None:
        """Opens its log and locks it; returns None where another process holds the lock.

        A process that gets the log as its output keeps the lock until it ends, even if the process
        that started it has ended.

        Raises:
          UserError: its folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Without a buffer, whose content would fail again where the file is closed.
            log = (self.folder / workdir.LOG).open("ab", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from None
        if _lock(log):
            return log
        log.close()
        return None

    def announce(self, log: BinaryIO) -> None:
        """Writes the command and the time to its log.

        Raises:
          UserError: its folder cannot be written.
        """
        now = datetime.datetime.now().isoformat(" ", "seconds")
        # A killed process may have left a line, such as a progress bar, without its end.
        before = "\n" if log.tell() else ""
        text = f"{before}$ {shlex.join(self.command())}  # {now}\n".encode()
        try:
            log.write(text)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"{self.folder}: cannot be written ({error.strerror}); free some space, allow it, or "
            "give another --out; the same command continues"
        )

    def last_line(self) -> str:
        """Returns the last line of its log that is not empty, or ''."""
        log = self.folder / workdir.LOG
        text = log.read_bytes()[-10_000:].decode(errors="replace") if log.exists() else ""
        lines = [line.strip() for line in re.split(r"[\r\n]", text)]
        return next((line for line in reversed(lines) if line), "")

    def why_not(self, returncode: int) -> str:
        """Returns the reason why its process ended without results; '' where there are results."""
        if self.finished():
            return ""
        if returncode < 0:
            return f"ended by {signal.Signals(-returncode).name}"
        if returncode == 0:
            return "stopped before its end"
        return self.last_line() or f"ended with exit code {returncode}"

    def score(self) -> str:
        """Returns the mAP of a finished run as text."""
        return f"mAP {json.loads((self.folder / workdir.RESULTS).read_text())['map']:.4f}"


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
