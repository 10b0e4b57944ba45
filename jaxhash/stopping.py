"""SIGTERM and Ctrl-C: finish the step, save, leave. A second one leaves at once."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
