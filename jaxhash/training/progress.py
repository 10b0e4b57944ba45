"""Progress of training on stderr: a bar on a terminal, and elsewhere a line every ten seconds."""

import sys
import time

from tqdm import tqdm

EVERY = 10.0  # seconds between two lines, where there is no terminal


def say(text: str, *, silent: bool = False) -> None:
    """Prints a line on stderr, above the progress bar where there is one."""
    if not silent:
        tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()


class Progress:
    """Reports compilation, steps done, loss, speed and the time that is left.

    Within `with Progress(...) as progress:`, call `step` after each step, and `log` with each row
    of metrics. The first step is the one that compiles; the time left is estimated from the others.
    """

    def __init__(self, start: int, total: int, epoch: int, *, silent: bool = False):
        """Starts at a step.

        Args:
          start: steps done before, as on resuming.
          total: steps of the whole run.
          epoch: steps of an epoch.
          silent: whether nothing is printed, as on every process but the first.
        """
        self._start, self._total, self._epoch, self._silent = start, total, epoch, silent
        terminal = sys.stderr.isatty() and not silent
        self._lines = not terminal and not silent
        self._bar = tqdm(
            initial=start,
            total=total,
            desc="train",
            bar_format="{desc} {percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt}, "
            "{remaining} left{postfix}",
            mininterval=0.2,
            disable=not terminal,
        )
        self._printed = self._began = time.monotonic()
        self._compiled: tuple[int, float] | None = None  # the first step, and when it was done

    def __enter__(self) -> "Progress":
        say("compiling the training step", silent=self._silent)
        return self

    def __exit__(self, *_) -> None:
        self._bar.close()

    def step(self, done: int) -> None:
        """Records that another step is done, `done` in all."""
        self._bar.update()
        if self._compiled is None:
            now = time.monotonic()
            self._compiled = done, now
            if not self._bar.disable:  # the time left is estimated from here on
                self._bar.initial, self._bar.start_t = done, self._bar.last_print_t
            say(f"compiled in {now - self._began:.0f} s", silent=self._silent)

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
            say(
                f"step {done:,} of {self._total:,} ({100 * done / self._total:.0f} %), epoch "
                f"{epoch}, loss {loss:.4f}, {rate:,.0f} images/s{self._left(done, now)}"
            )

    def _left(self, done: int, now: float) -> str:
        first, then = self._compiled or (done, now)
        if done == first or done == self._total:
            return ""
        seconds = (now - then) / (done - first) * (self._total - done)
        return f", {tqdm.format_interval(seconds)} left"
