"""One number of several seeds: its mean, and its deviation."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Mean over seeds, and the standard deviation of a sample (n - 1); None for a single seed."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Computes both from one value a seed.

        >>> Spread.of([0.5]), Spread.of([0.25, 0.75]).mean
        (Spread(mean=0.5, deviation=None), 0.5)
        """
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.mean(values), deviation)

    def text(self, sign: str = "+-") -> str:
        """Writes both with four digits.

        >>> Spread.of([0.5]).text(), Spread.of([0.5, 0.6]).text()
        ('0.5000', '0.5500 +- 0.0707')
        """
        deviation = "" if self.deviation is None else f" {sign} {self.deviation:.4f}"
        return f"{self.mean:.4f}{deviation}"
