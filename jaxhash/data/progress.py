"""Progress of long work on data, on stderr: a bar on a terminal, elsewhere a line now and then."""

import sys
import time
from typing import Self

from tqdm import tqdm

EVERY = 10.0  # seconds between two lines, where there is no terminal


class Progress:
    """Reports how much is done, the speed, and the time that is left.

    Within `with Progress(...) as progress:`, call `at` whenever more is done.
    """

    def __init__(
        self, title: str, done: int, total: int, *, unit: str = "images", silent: bool = False
    ):
        """Starts.

        Args:
          title: of the work.
          done: what was done before, as on resuming.
          total: all that there is.
          unit: what is counted; bytes are shown as MB.
          silent: whether nothing is printed, as on every process but the first.
        """
        self._title, self._start, self._total, self._unit = title, done, total, unit
        terminal = sys.stderr.isatty() and not silent
        self._lines = not terminal and not silent
        self._bar = tqdm(
            initial=done,
            total=total,
            desc=title,
            unit="B" if unit == "bytes" else f" {unit}",
            unit_scale=unit == "bytes",
            leave=False,
            disable=not terminal,
        )
        self._began = self._printed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def at(self, done: int) -> None:
        """Reports that `done` of the total is done."""
        self._bar.update(done - self._bar.n)
        now = time.monotonic()
        if not self._lines or (now - self._printed < EVERY and done < self._total):
            return
        self._printed, pace = now, (done - self._start) / max(now - self._began, 1e-9)
        left = tqdm.format_interval((self._total - done) / pace) if pace else "?"
        print(
            f"{self._title}: {self._count(done)} of {self._count(self._total)} "
            f"({done / self._total:.0%}), {self._count(pace)}{self._named}/s, {left} left",
            file=sys.stderr,
            flush=True,
        )

    @property
    def _named(self) -> str:
        return "" if self._unit == "bytes" else f" {self._unit}"

    def _count(self, count: float) -> str:
        return f"{count / 1e6:.1f} MB" if self._unit == "bytes" else f"{count:,.0f}"
