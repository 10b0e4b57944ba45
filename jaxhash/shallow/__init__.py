"""Shallow hashing: codes of vectors by hyperplanes, fitted without a network, one method a file.

A file has `fit(vectors, bits, seed) -> Hyperplanes`.
"""

from typing import NamedTuple

import numpy as np


class Hyperplanes(NamedTuple):
    """A hash function of vectors: bit i is 1 where u_i = (x - mean) . directions_i >= 0.

    mean: [d]. directions: [d k].
    """

    mean: np.ndarray
    directions: np.ndarray

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Computes u of vectors [n d]: [n k].

        >>> Hyperplanes(np.array([1.0, 0.0]), np.eye(2)).project(np.array([[0.0, 3.0]]))
        array([[-1.,  3.]])
        """
        return (vectors - self.mean) @ self.directions
