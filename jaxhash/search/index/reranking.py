"""Puts hits in order by real-valued features, in place of their codes alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxhash.search.index.interface import Hit, Index

KEPT = "features"  # a note: the index keeps features, so that what is added later gets them too


class Ranked(NamedTuple):
    """A hit, and the cosine of its features and the query's; None for an item without features."""

    similarity: float | None
    hit: Hit


def rerank(index: Index, hits: Sequence[Hit], query: np.ndarray) -> list[Ranked]:
    """Puts hits in order by the cosine of their features and the query's.

    Args:
      index: that has the features.
      hits: as the index returned them.
      query: features of the query, int8 [d].

    Returns:
      the hits, the largest cosine first, and of equal ones the nearest code; those without features
      come last, in the order in which they were.
    """
    found = index.features([hit.item.id for hit in hits])
    ranked = [Ranked(None, hit) for hit in hits]
    there = {place: features for place, features in enumerate(found) if features is not None}
    if there:
        cosines = _cosines(np.stack([*there.values()]), query)
        for place, cosine in zip(there, cosines.tolist(), strict=True):
            ranked[place] = Ranked(cosine, hits[place])
    # Sorting keeps the order of hits that are equal.
    return sorted(ranked, key=lambda one: (one.similarity is None, -(one.similarity or 0)))


def _cosines(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    vectors, query = vectors.astype(np.float64), query.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    return np.divide(vectors @ query, lengths, out=np.zeros(len(vectors)), where=lengths > 0)
