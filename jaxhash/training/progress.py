"""Progress of training on stderr: a bar on a terminal, and elsewhere a line every ten seconds."""

import sys
import time

from tqdm import tqdm

EVERY = 10.0  # seconds between two lines, where there is no terminal


class Progress:
    """Reports compilation, steps done, loss, speed and the time that is left.

    Within `with Progress(...) as progress:`, call `step` after each step, and `log` with each row
    of metrics. The first step includes the compilation of the program; it does not count towards
    the time left.
    """

    def __init__(self, start: int, total: int, epoch: int, *, silent: bool = False):
        """Starts at a step.

        Args:
          start: steps done before.
          total: steps of the whole run.
          epoch: steps of an epoch.
          silent: whether nothing is printed, as on every process but the first.
        """
        self._start, self._total, self._epoch, self._silent = start, total, epoch, silent
        terminal = sys.stderr.isatty() and not silent
        self._lines = not terminal and not silent
        self._bar = tqdm(
            initial=start, total=total, desc="train", mininterval=0.2, disable=not terminal
        )
        self._printed = self._began = time.monotonic()
        self._compiled: tuple[int, float] | None = None  # the first step, and when it was done

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        """Prints a line, above the bar where there is one."""
        if not self._silent:
            self._bar.write(text, file=sys.stderr)
            sys.stderr.flush()

    def step(self, done: int) -> None:
        """Notes that a step is done: the one after which `done` are."""
        self._bar.update()
        if self._compiled is None:
            now = time.monotonic()
            self._compiled = done, now
            self.say(f"compiled in {now - self._began:.0f} s")

    def log(self, done: int, loss: float, rate: float) -> None:
        """Shows a row of metrics.

        Args:
          done: steps done.
          loss: of the last step.
          rate: images a second.
        """
        epoch = f"{done / self._epoch:.1f}"
        self._bar.set_postfix(epoch=epoch, loss=f"{loss:.4f}", images_per_s=f"{rate:,.0f}")
        now = time.monotonic()
        if self._lines and (now - self._printed >= EVERY or done == self._total):
            self._printed = now
            self.say(
                f"step {done:,} of {self._total:,} ({100 * done / self._total:.0f} %), epoch "
                f"{epoch}, loss {loss:.4f}, {rate:,.0f} images/s{self._left(done, now)}"
            )

    def _left(self, done: int, now: float) -> str:
        first, then = self._compiled or (done, now)
        if done == first or done == self._total:
            return ""
        seconds = (now - then) / (done - first) * (self._total - done)
        return f", {tqdm.format_interval(seconds)} left"
