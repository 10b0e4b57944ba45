"""Average precision and precision, in expectation over ties or with ties broken by index.

Codes of k bits have k + 1 distances, so most items are tied, and a metric that lets a sort decide
their order depends on how the database happens to be stored. The functions that take a `Histogram`
average over all orders of the tied items, exactly; a histogram is all that they need.
"""

from typing import NamedTuple

import numpy as np


class Histogram(NamedTuple):
    """How many items lie at each distance from a query, and how many of them are relevant.

    items: int64 [q k+1]. relevant: int64 [q k+1].
    """

    items: np.ndarray
    relevant: np.ndarray


def histogram(distance: np.ndarray, relevant: np.ndarray, bits: int) -> Histogram:
    """Counts the items, and the relevant items, at every distance.

    Args:
      distance: [q n] integers in 0..bits.
      relevant: bool [q n].
      bits: k.

    >>> import numpy as np
    >>> counts = histogram(np.array([[0, 2, 2]]), np.array([[True, False, True]]), bits=2)
    >>> print(counts.items, counts.relevant)
    [[1 0 2]] [[1 0 1]]
    """
    bins = bits + 1
    keyed = distance + np.uint16(bins) * relevant
    counts = np.stack([np.bincount(row, minlength=2 * bins) for row in keyed])
    return Histogram(items=counts[:, :bins] + counts[:, bins:], relevant=counts[:, bins:])


def average_precision(counts: Histogram, at: int | None = None) -> np.ndarray:
    """Computes AP of each query in expectation over the orders of tied items.

    With n_d items at distance d, p_d of them relevant, and N_d, P_d items and relevant items nearer
    than d, the item at place t of its tie is relevant with probability p_d / n_d, and then
    P_d + 1 + (t - 1) s_d relevant items are expected up to it, s_d = (p_d - 1) / (n_d - 1):

        E[AP] = 1/R sum_d p_d/n_d sum_{t=1..m_d} (P_d + 1 + (t - 1) s_d) / (N_d + t)

    where m_d = n_d, or as many as are left of the first `at`. The inner sum has a closed form in
    harmonic numbers (McSherry and Najork, 2008; He et al., CVPR 2018).

    The denominator R is the number of relevant items, or min(at, that number): a perfect ranking
    has AP 1. A query without relevant items has AP 0.

    Args:
      counts: a histogram.
      at: k of AP@k; None is the whole database.

    Returns:
      float64 [q] in [0, 1].

    >>> import numpy as np
    >>> two_tied = Histogram(items=np.array([[2, 0]]), relevant=np.array([[1, 0]]))
    >>> print(average_precision(two_tied))
    [0.75]
    """
    items, relevant = (x.astype(np.float64) for x in counts)
    nearer, nearer_relevant = _before(items), _before(relevant)
    ranked = items if at is None else np.clip(at - nearer, 0, items)
    slope = np.where(items > 1, (relevant - 1) / np.maximum(items - 1, 1), 0)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, items.sum(axis=1).max() + 1))])
    span = harmonic[(nearer + ranked).astype(int)] - harmonic[nearer.astype(int)]
    inner = slope * ranked + (nearer_relevant + 1 - (nearer + 1) * slope) * span
    total = (relevant / np.maximum(items, 1) * inner).sum(axis=1)
    return total / np.maximum(_attainable(relevant.sum(axis=1), at), 1)


def average_precision_by_index(
    distance: np.ndarray,
    relevant: np.ndarray,
    at: int | None = None,
    denominator: str = "attainable",
) -> np.ndarray:
    """Computes AP of each query with tied items in the order of the database.

    Args:
      distance: [q n].
      relevant: bool [q n].
      at: k of AP@k; None is the whole database.
      denominator: `"attainable"`, min(at, relevant items), or `"hits"`, the relevant items among
        the first `at`, as most public deep-hashing code divides. They differ only where `at` is
        given, and then by much: `"hits"` does not punish a miss.

    Returns:
      float64 [q] in [0, 1]; 0 for a query without relevant items.

    >>> import numpy as np
    >>> print(average_precision_by_index(np.array([[1, 1]]), np.array([[False, True]])))
    [0.5]
    """
    order = np.argsort(distance, axis=1, kind="stable")[:, :at]
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    count = hits.sum(axis=1) if denominator == "hits" else _attainable(relevant.sum(axis=1), at)
    return (precision * hits).sum(axis=1) / np.maximum(count, 1)


def precision_within(counts: Histogram, radius: int) -> np.ndarray:
    """Computes the share of relevant items among those within a Hamming radius, P@H<=r.

    A query with nothing within the radius has precision 0, as the papers count it: a look-up that
    finds nothing has failed.

    Returns:
      float64 [q] in [0, 1].

    >>> import numpy as np
    >>> counts = Histogram(items=np.array([[1, 1, 5]]), relevant=np.array([[1, 0, 5]]))
    >>> print(precision_within(counts, 1))
    [0.5]
    """
    found = counts.items[:, : radius + 1].sum(axis=1)
    return counts.relevant[:, : radius + 1].sum(axis=1) / np.maximum(found, 1)


def hits_at(counts: Histogram, number: int) -> np.ndarray:
    """Expects how many of the first `number` items are relevant, over the orders of tied items.

    Divide by `number` for P@N, by the relevant items for R@N.

    Returns:
      float64 [q].

    >>> import numpy as np
    >>> print(hits_at(Histogram(items=np.array([[1, 4]]), relevant=np.array([[1, 2]])), 3))
    [2.]
    """
    ranked = np.clip(number - _before(counts.items), 0, counts.items)
    return (counts.relevant / np.maximum(counts.items, 1) * ranked).sum(axis=1)


def _before(counts: np.ndarray) -> np.ndarray:
    """Sums what lies strictly nearer than each distance."""
    return np.cumsum(counts, axis=1) - counts


def _attainable(relevant: np.ndarray, at: int | None) -> np.ndarray:
    return relevant if at is None else np.minimum(relevant, at)
