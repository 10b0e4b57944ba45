"""PCAH: the sign of each principal component (Wang, Kumar, Chang, CVPR 2010, as ITQ compares)."""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.shallow import Hyperplanes, Method


def fit(vectors: np.ndarray, bits: int, seed: int = 0) -> Hyperplanes:
    """Finds the `bits` directions of largest variance, in falling order.

    Args:
      vectors: [n d].
      bits: k, at most d and below n.
      seed: not used; nothing is drawn.

    Raises:
      UserError: there are too few vectors or dimensions for so many bits.

    >>> planes = fit(np.array([[0.0, 1.0], [0.0, 5.0], [1.0, 3.0]]), 1)
    >>> planes.mean.tolist(), np.abs(planes.directions).round(1).tolist()
    ([0.3333333333333333, 3.0], [[0.0], [1.0]])
    """
    del seed
    count, dimensions = vectors.shape
    if bits > min(dimensions, count - 1):
        raise UserError(
            f"{bits} bits: {count:,} vectors of {dimensions} dimensions have at most "
            f"{max(min(dimensions, count - 1), 0)} principal components; give fewer bits or more "
            "vectors"
        )
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, directions = np.linalg.eigh(centred.T @ centred)  # in rising order
    return Hyperplanes(mean, directions[:, : -bits - 1 : -1])


def build() -> Method:
    """Returns the method; see `fit`."""

    def fitted(vectors: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Hyperplanes:
        del labels
        return fit(vectors, bits, seed)

    return Method(fitted, Hyperplanes.shapes)
