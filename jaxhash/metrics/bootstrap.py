"""Confidence intervals of a mean over queries."""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks

BLOCK_DRAWS = 1 << 20


def interval(
    values: np.ndarray, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Estimates a confidence interval of the mean by the percentile bootstrap over queries.

    The queries are drawn again, as many with replacement, `resamples` times; the interval holds the
    middle `level` of the means (Efron and Tibshirani, 1993, chapter 13). It covers the choice of
    the queries, and neither that of the database nor the training, whose spread needs several
    seeds.

    Args:
      values: [q] one number a query, such as its AP.
      level: share of the means inside, between 0 and 1.
      resamples: how often.
      seed: of the draws; the same values and seed give the same interval.

    Returns:
      The lower and the upper end; twice the value of a single query.

    Raises:
      UserError: no values, values that are not finite, or another argument out of its range.

    >>> interval(np.array([0.5, 0.5, 0.5]))
    (0.5, 0.5)
    >>> low, high = interval(np.arange(100) / 99)
    >>> print(f"{low:.2f} {high:.2f}")
    0.45 0.56
    """
    from scipy import stats  # noqa: PLC0415  takes a second, and only measuring needs it

    values = checks.array("values", values, "numbers [q]", "biuf", 1)
    if not len(values):
        raise UserError("values: none; expected one for each query")
    if not np.isfinite(values).all():
        raise UserError(f"values: {values[~np.isfinite(values)][0]}; expected finite numbers")
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise UserError(f"level={level!r}: expected a share between 0 and 1")
    resamples = checks.whole("resamples", resamples, "a number of draws from 1")
    seed = checks.whole("seed", seed, "a whole number from 0", least=0)
    if len(values) == 1:  # which SciPy refuses
        return float(values[0]), float(values[0])
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, BLOCK_DRAWS // len(values)),  # draws in memory
        confidence_level=level,
        method="percentile",
        random_state=np.random.RandomState(seed),
    ).confidence_interval
    # Means of draws lie between the values, but for rounding.
    low, high = np.clip([found.low, found.high], values.min(), values.max())
    return float(low), float(high)
