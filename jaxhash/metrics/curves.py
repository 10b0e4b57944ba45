"""Precision, recall and P@N curves, as in papers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxhash.metrics import ranking
from jaxhash.metrics.histograms import Histogram, checked


class PrecisionRecall(NamedTuple):
    """`precision` and `recall`, each [points] in [0, 1], by increasing Hamming radius."""

    precision: np.ndarray
    recall: np.ndarray


def precision_recall(counts: Histogram) -> PrecisionRecall:
    """Computes precision and recall at each radius 0..k within which anything is found.

    Pooled over queries: the relevant items found by all queries, over the items found by all and
    over the relevant items of all. A mean over queries would need a precision for those that find
    nothing.

    Raises:
      UserError: invalid `counts`.

    >>> curve = precision_recall(Histogram(np.array([[1, 0, 3]]), np.array([[1, 0, 1]])))
    >>> print(curve.precision, curve.recall)
    [1.  1.  0.5] [0.5 0.5 1. ]
    """
    counts = checked(counts)
    items = counts.items.sum(axis=0).cumsum()
    relevant = counts.relevant.sum(axis=0).cumsum()
    found = items > 0
    return PrecisionRecall(
        precision=relevant[found] / items[found],
        recall=relevant[found] / max(relevant[-1], 1),
    )


def precision_at(counts: Histogram, numbers: Sequence[int]) -> np.ndarray:
    """Computes mean P@N over the queries for several N, in expectation over ties.

    Returns:
      float64 [numbers] in [0, 1].

    Raises:
      UserError: invalid `counts`, or an N below 1.

    >>> print(precision_at(Histogram(np.array([[2, 2]]), np.array([[2, 0]])), [1, 2, 4]))
    [1.  1.  0.5]
    """
    return np.array([(ranking.hits_at(counts, n) / n).mean() for n in numbers])


def recall_at(counts: Histogram, numbers: Sequence[int]) -> np.ndarray:
    """Computes mean R@N over the queries for several N, in expectation over ties.

    A query without relevant items has recall 0.

    Returns:
      float64 [numbers] in [0, 1].

    Raises:
      UserError: invalid `counts`, or an N below 1.

    >>> print(recall_at(Histogram(np.array([[2, 2]]), np.array([[2, 0]])), [1, 2, 4]))
    [0.5 1.  1. ]
    """
    counts = checked(counts)
    relevant = np.maximum(counts.relevant.sum(axis=1), 1)
    return np.array([(ranking.hits_at(counts, n) / relevant).mean() for n in numbers])
