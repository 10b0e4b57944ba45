"""Progress of a grid: a bar with the active runs, and a line for each run that ends."""

import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from tqdm import tqdm

from jaxhash.grid.run import Run
from jaxhash.runs import workdir

SHOWN = 2  # names of runs beside the bar


class Failure(NamedTuple):
    """A run that ended without results, and why."""

    run: Run
    why: str

    def __str__(self) -> str:
        return f"failed: {self.run.name}: {self.why}; see {self.run.folder / workdir.LOG}"


class Progress:
    """Counts the runs of a grid as they end.

    Attributes:
      failures: those that ended without results, in the order in which they ended.
    """

    def __init__(self, total: int, done: int):
        self.failures: list[Failure] = []
        self._since = time.monotonic()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc="runs",
            unit="run",
            mininterval=0.2 if sys.stderr.isatty() else 60,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        self._bar.write(text)
        sys.stdout.flush()

    def running(self, names: Sequence[str], waiting: int) -> None:
        """Shows the active runs, or that other processes have all that are left."""
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        text = "; ".join(names[:SHOWN]) + more
        if not names and waiting:
            text = f"waiting for {waiting} runs of other processes"
        if text not in (self._bar.postfix or ""):
            self._bar.set_postfix_str(text, refresh=sys.stderr.isatty())

    def ended(self, run: Run, why: str) -> None:
        """Counts a run that ended, with results where `why` is empty."""
        minutes = (time.monotonic() - self._since) / 60
        if why:
            self.failures.append(Failure(run, why))
            self.say(str(self.failures[-1]))
        else:
            self.say(f"done: {run.name}: {run.score()}, {minutes:.1f} minutes after the start")
            self._bar.update()
