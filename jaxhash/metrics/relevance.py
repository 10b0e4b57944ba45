"""The items that share labels with a query, and how many, which is their gain."""

from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks, hamming


class Relevant(NamedTuple):
    """The relevant items of a query: `items` [r] indices, ascending, `gains` integers [r] >= 1."""

    items: np.ndarray
    gains: np.ndarray


class SharedLabels:
    """The items that share labels with a query, query by query.

    Where no image has more than one label, items are grouped by class once, and each query looks up
    its class. Otherwise labels are packed like codes, and common bits are counted.

    Attributes:
      grades: one more than the largest number of labels that two can share; at least 2.

    >>> queries, database = np.array([[1, 1, 0]]), np.array([[1, 1, 1], [0, 0, 1], [0, 1, 0]])
    >>> shared = SharedLabels(queries, database)
    >>> print(shared.grades, *shared.with_query(0))
    3 [0 2] [2 1]
    """

    def __init__(self, queries: np.ndarray, database: np.ndarray):
        """Prepares labels [q l] and [n l]; raises UserError unless each is 0 or 1."""
        queries, database = (
            checks.labels(name, value).astype(bool)
            for name, value in (("queries", queries), ("database", database))
        )
        checks.same_width(queries, database, "columns of labels")
        self._count = len(queries)
        most = [int(np.count_nonzero(x, axis=1).max(initial=0)) for x in (queries, database)]
        self.grades = max(min(most), 1) + 1
        self._single = max(most) <= 1
        if self._single:
            self._queries = _classes(queries)
            classes = _classes(database)
            order = np.argsort(classes, kind="stable")
            ends = np.bincount(classes, minlength=database.shape[1] + 1).cumsum()
            self._of_class = np.split(order, ends[:-1])
            self._of_class[-1] = order[:0]  # no label is none to share
            self._ones = np.ones(len(order), np.uint8)
        else:
            self._queries = hamming.words(np.packbits(queries, axis=1))
            self._database = hamming.words(np.packbits(database, axis=1))

    def with_query(self, query: int) -> Relevant:
        """Returns the relevant items of a query, given by its index; UserError beyond the last."""
        if not 0 <= query < self._count:
            raise UserError(f"query={query}: expected an index from 0 to {self._count - 1}")
        if self._single:
            items = self._of_class[self._queries[query]]
            return Relevant(items, self._ones[: len(items)])
        gains = np.empty(self._database.shape[1], np.min_scalar_type(self.grades - 1))
        hamming.count_bits(np.bitwise_and, self._queries[:, query], self._database, gains)
        items = np.flatnonzero(gains)
        return Relevant(items, gains.take(items))


def _classes(labels: np.ndarray) -> np.ndarray:
    """Returns the class of each image [n l], l where it has none."""
    dtype = np.min_scalar_type(labels.shape[1])
    return np.where(labels.any(axis=1), labels.argmax(axis=1), labels.shape[1]).astype(dtype)
