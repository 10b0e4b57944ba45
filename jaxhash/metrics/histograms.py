"""Histograms over distances of items and gains, from which ranking metrics are computed."""

from typing import NamedTuple

import numpy as np


class Histogram(NamedTuple):
    """The number of items at each distance from a query, and their gains.

    items: int64 [q k+1]. relevant: int64 [q k+1], those with a gain.
    gains: int64 [q k+1], the sum of gains at each distance. graded: int64 [q grades], the items of
    each gain 0, 1, ..., from which the ideal ranking follows. Only graded metrics need these two.
    """

    items: np.ndarray
    relevant: np.ndarray
    gains: np.ndarray | None = None
    graded: np.ndarray | None = None


def histogram(distance: np.ndarray, gain: np.ndarray, bits: int) -> Histogram:
    """Counts the items, the relevant items and the gains at every distance, from a matrix.

    `counting.count` gives the same from codes, without a matrix.

    Args:
      distance: [q n] integers in 0..bits.
      gain: bool or integers [q n], 0 for an item that is not relevant.
      bits: k.

    >>> import numpy as np
    >>> counts = histogram(np.array([[0, 2, 2]]), np.array([[2, 0, 1]]), bits=2)
    >>> print(counts.items, counts.relevant, counts.gains, counts.graded)
    [[1 0 2]] [[1 0 1]] [[2 0 1]] [[1 1 1]]
    """
    grades = int(gain.max(initial=1)) + 1
    bins = (bits + 1) * grades
    keys = distance.astype(np.intp) * grades + gain
    joint = np.stack([np.bincount(key, minlength=bins) for key in keys])
    joint = joint.reshape(-1, bits + 1, grades)
    return Histogram(
        items=joint.sum(axis=2),
        relevant=joint[:, :, 1:].sum(axis=2),
        gains=joint @ np.arange(grades),
        graded=joint.sum(axis=1),
    )


def ranked(counts: np.ndarray, at: int | None) -> np.ndarray:
    """Counts the items of each group [q groups], nearest first, that are among the first `at`."""
    return counts if at is None else np.clip(at - before(counts), 0, counts)


def before(counts: np.ndarray) -> np.ndarray:
    """Sums the groups [q groups] before each, without itself."""
    return np.cumsum(counts, axis=1) - counts
