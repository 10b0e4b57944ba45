"""LSH: the sign of projections on Gaussian directions (Charikar, STOC 2002)."""

import numpy as np

from jaxhash.shallow import Hyperplanes, Method


def fit(vectors: np.ndarray, bits: int, seed: int = 0) -> Hyperplanes:
    """Draws `bits` directions through the mean of vectors.

    The bits of two vectors differ with the probability of their angle, as seen from the mean,
    divided by pi.

    Args:
      vectors: [n d], whose mean is taken; the paper's have mean 0.
      bits: k.
      seed: of the directions.

    >>> fit(np.array([[0.0, 2.0], [2.0, 0.0]]), 8).directions.shape
    (2, 8)
    """
    directions = np.random.default_rng(seed).standard_normal((vectors.shape[1], bits))
    return Hyperplanes(vectors.mean(axis=0), directions)


def build() -> Method:
    """Returns the method; see `fit`."""

    def fitted(vectors: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Hyperplanes:
        del labels
        return fit(vectors, bits, seed)

    return Method(fitted, Hyperplanes.shapes)
