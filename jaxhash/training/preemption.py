"""SIGTERM, Ctrl-C and SIGUSR2: finish the step, save, leave. A second one leaves at once.

SIGUSR2 is what SLURM is asked to send ahead of a job's time limit.
"""

import signal
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class Stopping:
    """Within `with Stopping() as stop:`, `stop.came` names the signal that came, or is ''.

    Of several processes that share a run one may get a signal and others none, or at another step.
    So each notes its own, and all learn of it at once, in `share`, which all call at the same step.

    Attributes:
      came: the signal that came to this process.
      requested: the one that `share` learned of.
    """

    def __init__(self):
        self.came = self.requested = ""

    def share(self, largest: Callable[[int], int]) -> None:
        """Sets `requested`, from what came to any process.

        Args:
          largest: (number) -> the largest of all processes' numbers.
        """
        number = largest(signal.Signals[self.came] if self.came else 0)
        self.requested = signal.Signals(number).name if number else ""

    def __enter__(self) -> "Stopping":
        self._before = {number: signal.signal(number, self._request) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.came = signal.Signals(number).name
        signal.signal(number, self._before[number])
