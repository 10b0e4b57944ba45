"""How far a mean over queries might be from that over other queries."""

import numpy as np

BLOCK_DRAWS = 1 << 20


def interval(
    values: np.ndarray, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Estimates a confidence interval of the mean by the percentile bootstrap over queries.

    The queries are drawn again, as many with replacement, `resamples` times; the interval holds the
    middle `level` of the means (Efron and Tibshirani, 1993, chapter 13). It speaks of the choice of
    queries alone: not of the training, whose spread needs several seeds, nor of the database.

    Args:
      values: [q] one number a query, such as its AP.
      level: share of the means inside.
      resamples: how often.
      seed: of the draws; the same values and seed give the same interval.

    Returns:
      The lower and the upper end.

    >>> interval(np.array([0.5, 0.5, 0.5]))
    (0.5, 0.5)
    >>> low, high = interval(np.arange(100) / 99)
    >>> print(f"{low:.2f} {high:.2f}")
    0.45 0.56
    """
    random = np.random.RandomState(seed)
    count = len(values)
    rows = max(1, BLOCK_DRAWS // count)
    means = [
        values[random.randint(count, size=(min(rows, resamples - start), count))].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)
