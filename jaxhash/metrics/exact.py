"""mAP of an exact search by the cosine of vectors, beside which that of codes can be read."""

from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks, ranking

ROWS = 100  # queries at once


class Described(NamedTuple):
    """Vectors and labels of images: `vectors` [n d] of numbers, `labels` [n l] 0 or 1."""

    vectors: np.ndarray
    labels: np.ndarray


def cosine_map(queries: Described, database: Described, map_at: int | None = None) -> float:
    """Ranks the database by the cosine with each query, and averages precision.

    Equal cosines are in the order of the database; a vector of zeros has cosine 0 with all.

    Args:
      queries, database: vectors and labels.
      map_at: k of mAP@k, which is divided by min(k, relevant items); None ranks the whole database.

    Returns:
      mean average precision, in [0, 1].

    Raises:
      UserError: invalid vectors, labels or `map_at`.

    >>> images = Described(np.array([[1.0, 0.0], [0.0, 2.0]]), np.eye(2, dtype=np.uint8))
    >>> cosine_map(images, images)
    1.0
    """
    map_at = checks.depth("map_at", map_at)
    (asked, asked_labels), (searched, labels) = (
        _checked(name, value) for name, value in (("queries", queries), ("database", database))
    )
    checks.same_width(asked, searched, "dimensions")
    checks.same_width(asked_labels, labels, "columns of labels")
    precision = []
    for start in range(0, len(asked), ROWS):
        part = slice(start, start + ROWS)
        relevant = asked_labels[part] @ labels.T > 0
        distance = -(asked[part] @ searched.T)
        precision.append(ranking.average_precision_by_index(distance, relevant, map_at))
    return float(np.concatenate(precision).mean())


def _checked(name: str, value: Described) -> Described:
    """Returns vectors of length one and labels, both float32."""
    expected = "numbers [n d] with n from 1"
    vectors = checks.array(f"{name}.vectors", value.vectors, expected, "iuf", 2)
    if not len(vectors) or not np.isfinite(vectors).all():
        raise UserError(f"{name}.vectors: empty, or not finite; expected {expected}")
    labels = checks.labels(f"{name}.labels", value.labels, len(vectors)).astype(np.float32)
    vectors = vectors.astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Described(vectors / np.where(length > 0, length, 1), labels)
