"""Metrics of graded relevance: an item's gain is the number of labels it shares with the query.

Both are expectations over the orders of tied items: at every rank within a tie the expected gain is
the mean gain of the tie, and a metric that is linear in gains needs no more.
"""

import numpy as np

from jaxhash.metrics import checks
from jaxhash.metrics.histograms import Histogram, before, checked, gains, ranked


def acg(counts: Histogram, at: int) -> np.ndarray:
    """Computes ACG@k, the average cumulative gain: the mean gain of the first k items.

        E[ACG@k] = 1/k sum_d g_d m_d

    with g_d the mean gain at distance d and m_d how many of its items are among the first k
    (Jaervelin and Kekaelaeinen, SIGIR 2000; as deep hashing uses it since Zhao et al., CVPR 2015).
    Where k is larger than the database, the places beyond it have gain 0.

    Returns:
      float64 [q] in [0, largest gain].

    Raises:
      UserError: invalid `counts`, `counts` without gains, or `at` below 1.

    >>> two_tied = Histogram(*(np.array([x]) for x in ([2, 1], [1, 1], [2, 1], [1, 1, 1])))
    >>> print(acg(two_tied, 1), acg(two_tied, 3))
    [1.] [1.]
    """
    counts, at = checked(counts), checks.whole("at", at, "a number of items from 1")
    return (_mean_gain(counts) * ranked(counts.items, at)).sum(axis=1) / at


def ndcg(counts: Histogram, at: int | None = None) -> np.ndarray:
    """Computes NDCG@k, the discounted cumulative gain over that of the ideal ranking.

        DCG@k = sum_{r=1..k} gain_r / log2(r + 1)

    with the gain itself in the numerator (Jaervelin and Kekaelaeinen, TOIS 2002); some papers write
    2^gain - 1, which is the same where gains are 0 and 1. In expectation over ties (McSherry and
    Najork, 2008) it is the sum over distances of mean gain times the discounts of their ranks. The
    ideal ranking puts the items of the largest gain first. A query without gains has NDCG 0.

    Args:
      counts: a histogram with gains.
      at: k; None is the whole database.

    Returns:
      float64 [q] in [0, 1].

    Raises:
      UserError: invalid `counts`, `counts` without gains, or `at` below 1.

    >>> two_tied = Histogram(*(np.array([x]) for x in ([2, 1], [1, 0], [1, 0], [2, 1])))
    >>> print(ndcg(two_tied, 1))
    [0.5]
    """
    counts, at = checked(counts), checks.depth("at", at)
    descending = gains(counts)[1][:, ::-1]
    largest_first = np.arange(descending.shape[1])[::-1]
    ideal = (_discounts(descending, at) * largest_first).sum(axis=1)
    reached = (_discounts(counts.items, at) * _mean_gain(counts)).sum(axis=1)
    found = np.divide(reached, ideal, out=np.zeros_like(reached), where=ideal > 0)
    return np.minimum(found, 1)  # but for rounding


def _mean_gain(counts: Histogram) -> np.ndarray:
    return gains(counts)[0] / np.maximum(counts.items, 1)


def _discounts(items: np.ndarray, at: int | None) -> np.ndarray:
    """Sums 1 / log2(rank + 1) over the ranks that each group of items takes."""
    ranks = np.arange(1, items.sum(axis=1).max(initial=0) + 1)
    until = np.concatenate([[0.0], np.cumsum(1 / np.log2(ranks + 1))])
    first = before(items)
    return until[first + ranked(items, at)] - until[np.minimum(first, len(ranks))]
