"""SIGTERM, Ctrl-C and SIGUSR2: finish the step, save and return. A second one ends the process.

A measurement that is going on is finished too, which may take minutes, so a line says so at once.

SLURM can be configured to send SIGUSR2 before the time limit of a job.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
STDERR = 2
WAITING = "stopping as soon as the work at hand is done; a second one ends it at once"


class Stopping:
    """Records signals within `with Stopping() as stop:`, so that training can save and return.

    Of several processes that share a run one may get a signal and others none, or at another step.
    So each records its own, and `share`, which all call at the same step, tells all of them.

    Attributes:
      came: name of the signal that this process received, or "".
      requested: name of the signal that any process had received at the last `share`, or "".
    """

    def __init__(self):
        self.came = self.requested = ""

    def share(self, largest: Callable[[int], int]) -> None:
        """Sets `requested` from the signals of all processes.

        Args:
          largest: (number) -> the largest of all processes' numbers.
        """
        number = largest(signal.Signals[self.came] if self.came else 0)
        self.requested = signal.Signals(number).name if number else ""

    def __enter__(self) -> "Stopping":
        self._before: dict[int, Any] = {n: signal.signal(n, self._request) for n in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.came = signal.Signals(number).name
        # Not print, whose buffer the signal may have interrupted in the middle of a write.
        with contextlib.suppress(OSError):  # nobody reads it
            start = "\n" if os.isatty(STDERR) else ""  # below the bar
            os.write(STDERR, f"{start}{self.came}: {WAITING}\n".encode())
        signal.signal(number, self._before[number])
