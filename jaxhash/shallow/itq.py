"""ITQ: principal components, rotated so that their signs lose little (Gong et al., TPAMI 2013)."""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.shallow import Hyperplanes, Method, pcah

ROUNDS = 50  # the paper's


def fit(vectors: np.ndarray, bits: int, seed: int = 0, rounds: int = ROUNDS) -> Hyperplanes:
    """Fits PCA, and a rotation R that minimises ||B - V R||_F over R and codes B.

    V [n k] are the principal components. From a random rotation, two steps take turns (section
    3.2): B = sgn(V R), with sgn(0) = 1 as in `u >= 0`; then R = S' S^T of the singular value
    decomposition B^T V = S Omega S'^T.

    Args:
      vectors: [n d].
      bits: k, at most d and below n.
      seed: of the first rotation.
      rounds: of the two steps.

    Raises:
      UserError: there are too few vectors or dimensions for so many bits.

    >>> planes = fit(np.random.default_rng(0).standard_normal((50, 4)), 3)
    >>> np.allclose(planes.directions.T @ planes.directions, np.eye(3))
    True
    """
    mean, directions = pcah.fit(vectors, bits)
    components = (vectors - mean) @ directions
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((bits, bits)))[0]
    for _ in range(rounds):
        codes = np.where(components @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(codes.T @ components)
        rotation = (left @ right).T
    return Hyperplanes(mean, directions @ rotation)


def build(rounds: int = ROUNDS) -> Method:
    """Returns the method; see `fit`."""
    if rounds < 0:
        raise UserError(f"model.shallow.itq.rounds={rounds}: expected at least 0")

    def fitted(vectors: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Hyperplanes:
        del labels
        return fit(vectors, bits, seed, rounds)

    return Method(fitted, Hyperplanes.shapes)
