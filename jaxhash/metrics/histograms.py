"""Histograms over distances of items and gains, from which ranking metrics are computed."""

from typing import Any, NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks


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


def checked(counts: Any) -> Histogram:
    """Returns a valid histogram; raises UserError for an invalid one.

    >>> checked(Histogram([[1, 0]], [[1, 0]])).items
    array([[1, 0]])
    """
    if not isinstance(counts, Histogram):
        raise UserError(f"counts: {type(counts).__name__}; expected a Histogram")
    items = _counted("items", counts.items)
    relevant = _counted("relevant", counts.relevant)
    checks.same_shape("counts.items and counts.relevant", items, relevant)
    if not items.size:
        raise UserError(f"counts: {list(items.shape)}; expected at least one query and distance")
    if (relevant > items).any():
        raise UserError("counts: more relevant items than items at a distance")
    return counts._replace(items=items, relevant=relevant)


def gains(counts: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """Returns gains and graded items of a histogram; raises UserError where it has none.

    >>> gains(Histogram(*(np.array([x]) for x in ([2, 1], [1, 1], [2, 1], [1, 1, 1]))))[0]
    array([[2, 1]])
    """
    if counts.gains is None or counts.graded is None:
        raise UserError("counts: no gains and graded items; jaxhash.metrics.counting counts them")
    found, graded = _counted("gains", counts.gains), _counted("graded", counts.graded)
    checks.same_shape("counts.items and counts.gains", counts.items, found)
    if len(graded) != len(found):
        raise UserError(f"counts.graded: {len(graded)} queries; expected {len(found)}")
    return found, graded


def _counted(name: str, value: Any) -> np.ndarray:
    expected = "whole numbers [q k+1] from 0"
    found = checks.array(f"counts.{name}", value, expected, "iu", 2)
    if found.min(initial=0) < 0:
        raise UserError(f"counts.{name}: {found.min()}; expected {expected}")
    return found


def histogram(distance: np.ndarray, gain: np.ndarray, bits: int) -> Histogram:
    """Counts the items, the relevant items and the gains at every distance, from a matrix.

    `counting.count` gives the same from codes, without a matrix.

    Args:
      distance: [q n] integers in 0..bits.
      gain: bool or integers [q n], 0 for an item that is not relevant.
      bits: k.

    Raises:
      UserError: distances outside 0..bits, negative gains, different shapes, or no query.

    >>> counts = histogram(np.array([[0, 2, 2]]), np.array([[2, 0, 1]]), bits=2)
    >>> print(counts.items, counts.relevant, counts.gains, counts.graded)
    [[1 0 2]] [[1 0 1]] [[2 0 1]] [[1 1 1]]
    """
    bits = checks.bits(bits)
    distance = checks.array("distance", distance, "distances [q n] in 0..bits", "iu", 2)
    gain = checks.array("gain", gain, "whole numbers [q n] from 0", "biu", 2)
    checks.same_shape("distance and gain", distance, gain)
    if not len(distance):
        raise UserError("distance: no queries; expected at least one")
    if distance.size and not 0 <= distance.min() <= distance.max() <= bits:
        raise UserError(
            f"distance: {distance.min()} to {distance.max()}; expected 0 to bits={bits}"
        )
    if gain.min(initial=0) < 0:
        raise UserError(f"gain: {gain.min()}; expected numbers of labels from 0")
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
    at = checks.depth("at", at)
    return counts if at is None else np.clip(at - before(counts), 0, counts)


def before(counts: np.ndarray) -> np.ndarray:
    """Sums the groups [q groups] before each, without itself."""
    return np.cumsum(counts, axis=1) - counts
