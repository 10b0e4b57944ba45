"""Average precision and precision, in expectation over ties or with ties broken by index.

Codes of k bits have k + 1 distances, so most items are tied, and a metric that lets a sort decide
their order depends on the order of the database. The functions that take a `Histogram` average
exactly over all orders of the tied items.
"""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks
from jaxhash.metrics.histograms import Histogram, before, checked, ranked

DENOMINATORS = ("attainable", "hits")
RADIUS = "a Hamming radius from 0"


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

    Raises:
      UserError: invalid `counts`, or `at` below 1.

    >>> two_tied = Histogram(items=np.array([[2, 0]]), relevant=np.array([[1, 0]]))
    >>> print(average_precision(two_tied))
    [0.75]
    """
    counts, at = checked(counts), checks.depth("at", at)
    items, relevant = (x.astype(np.float64) for x in counts[:2])
    nearer, nearer_relevant = before(items), before(relevant)
    counted = ranked(items, at)
    slope = np.where(items > 1, (relevant - 1) / np.maximum(items - 1, 1), 0)
    harmonic = np.concatenate(
        [[0.0], np.cumsum(1 / np.arange(1, items.sum(axis=1).max(initial=0) + 1))]
    )
    span = harmonic[(nearer + counted).astype(int)] - harmonic[nearer.astype(int)]
    inner = slope * counted + (nearer_relevant + 1 - (nearer + 1) * slope) * span
    total = (relevant / np.maximum(items, 1) * inner).sum(axis=1)
    # By rounding, the closed form of a perfect ranking may come out above 1.
    return np.minimum(total / np.maximum(attainable(relevant.sum(axis=1), at), 1), 1)


def average_precision_by_index(
    distance: np.ndarray,
    relevant: np.ndarray,
    at: int | None = None,
    denominator: str = "attainable",
) -> np.ndarray:
    """Computes AP of each query with tied items in the order of the database, by sorting a matrix.

    `counting.count` gives the same from codes, without a matrix.

    Args:
      distance: [q n].
      relevant: bool [q n].
      at: k of AP@k; None is the whole database.
      denominator: `"attainable"`, min(at, relevant items), or `"hits"`, the relevant items among
        the first `at`, as most public deep-hashing code divides. They differ only where `at` is
        given, and then by much: `"hits"` does not count a miss.

    Returns:
      float64 [q] in [0, 1]; 0 for a query without relevant items.

    Raises:
      UserError: invalid `distance` or `relevant`, `at` below 1, or an unknown denominator.

    >>> print(average_precision_by_index(np.array([[1, 1]]), np.array([[False, True]])))
    [0.5]
    """
    at = checks.depth("at", at)
    if denominator not in DENOMINATORS:
        raise UserError(f"denominator={denominator!r}: expected {' or '.join(DENOMINATORS)}")
    distance = checks.array("distance", distance, "numbers [q n]", "iuf", 2)
    relevant = checks.labels("relevant", relevant).astype(bool)
    checks.same_shape("distance and relevant", distance, relevant)
    if np.isnan(distance).any():
        raise UserError("distance: nan; expected numbers [q n]")
    order = np.argsort(distance, axis=1, kind="stable")[:, :at]
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    count = hits.sum(axis=1) if denominator == "hits" else attainable(relevant.sum(axis=1), at)
    return (precision * hits).sum(axis=1) / np.maximum(count, 1)


def precision_within(counts: Histogram, radius: int) -> np.ndarray:
    """Computes the share of relevant items among those within a Hamming radius, P@H<=r.

    A query with nothing within the radius has precision 0, as in the papers.

    Returns:
      float64 [q] in [0, 1].

    Raises:
      UserError: invalid `counts`, or a negative radius.

    >>> counts = Histogram(items=np.array([[1, 1, 5]]), relevant=np.array([[1, 0, 5]]))
    >>> print(precision_within(counts, 1))
    [0.5]
    """
    counts, radius = checked(counts), checks.whole("radius", radius, RADIUS, least=0)
    found = counts.items[:, : radius + 1].sum(axis=1)
    return counts.relevant[:, : radius + 1].sum(axis=1) / np.maximum(found, 1)


def recall_within(counts: Histogram, radius: int) -> np.ndarray:
    """Computes the share of the relevant items that lie within a Hamming radius, R@H<=r.

    Returns:
      float64 [q] in [0, 1]; 0 for a query without relevant items.

    Raises:
      UserError: invalid `counts`, or a negative radius.

    >>> counts = Histogram(items=np.array([[1, 1, 5]]), relevant=np.array([[1, 0, 3]]))
    >>> print(recall_within(counts, 1))
    [0.25]
    """
    counts, radius = checked(counts), checks.whole("radius", radius, RADIUS, least=0)
    return counts.relevant[:, : radius + 1].sum(axis=1) / np.maximum(counts.relevant.sum(axis=1), 1)


def hits_at(counts: Histogram, number: int) -> np.ndarray:
    """Computes the expected number of relevant items among the first `number`, over orders of ties.

    Divide by `number` for P@N, by the relevant items for R@N.

    Returns:
      float64 [q].

    Raises:
      UserError: invalid `counts`, or a number below 1.

    >>> print(hits_at(Histogram(items=np.array([[1, 4]]), relevant=np.array([[1, 2]])), 3))
    [2.]
    """
    counts, number = checked(counts), checks.whole("number", number, "a number of items from 1")
    share = counts.relevant / np.maximum(counts.items, 1)
    expected = (share * ranked(counts.items, number)).sum(axis=1)
    return np.minimum(expected, attainable(counts.relevant.sum(axis=1), number))  # but for rounding


def attainable(relevant: np.ndarray, at: int | None) -> np.ndarray:
    """Returns the most hits [q] that the first `at` items can have: the denominator of AP@k.

    Args:
      relevant: whole numbers [q], the relevant items of each query.
      at: k of AP@k; None is the whole database.

    Raises:
      UserError: no such numbers, or `at` below 1.

    >>> attainable(np.array([3, 9]), 5)
    array([3, 5])
    """
    at = checks.depth("at", at)
    relevant = checks.array("relevant", relevant, "whole numbers [q] from 0", "iuf", 1)
    if not (relevant >= 0).all():
        raise UserError(f"relevant: {relevant.min()}; expected whole numbers [q] from 0")
    return relevant if at is None else np.minimum(relevant, at)
