"""SIGTERM, Ctrl-C and SIGUSR2: finish the step, save, leave. A second one leaves at once.

SIGUSR2 is what SLURM is asked to send ahead of a job's time limit.
"""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class Stopping:
    """Within `with Stopping() as stop:`, `stop.requested` names the signal that came, or is ''."""

    def __init__(self):
        self.requested = ""

    def __enter__(self) -> "Stopping":
        self._before = {number: signal.signal(number, self._request) for number in SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.requested = signal.Signals(number).name
        signal.signal(number, self._before[number])
