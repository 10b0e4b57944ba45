"""A Gaussian kernel to anchors, shared by KSH and SDH."""

from typing import Any, NamedTuple, Self

import numpy as np

from jaxhash.errors import UserError


class Kernel(NamedTuple):
    """Bit i is 1 where u_i = (exp(-|x - a|^2 / width) - offset) . weights_i + bias_i >= 0.

    anchors: [m d], a. width: []. offset: [m]. weights: [m k]. bias: [k].
    """

    anchors: Any
    width: Any
    offset: Any
    weights: Any
    bias: Any

    @classmethod
    def shapes(cls, anchors: int, dimensions: int, bits: int) -> Self:
        """Returns the shapes of its arrays."""
        return cls((anchors, dimensions), (), (anchors,), (anchors, bits), (bits,))

    def features(self, vectors: Any) -> Any:
        """Computes the kernel of vectors [n d] less its offset: [n m].

        >>> kernel = Kernel(np.zeros((1, 2)), 2.0, np.zeros(1), None, None)
        >>> kernel.features(np.array([[1.0, 1.0]])).round(3)
        array([[0.368]])
        """
        squared = squared_distances(vectors, self.anchors)
        return squared.__array_namespace__().exp(-squared / self.width) - self.offset[None]

    def project(self, vectors: Any) -> Any:
        """Computes u of vectors [n d]: [n k]."""
        return self.features(vectors) @ self.weights + self.bias[None]


def squared_distances(vectors: Any, others: Any) -> Any:
    """Computes |x - a|^2 of vectors [n d] and others [m d]: [n m], at least 0.

    >>> squared_distances(np.array([[1.0, 1.0]]), np.array([[1.0, 3.0]]))
    array([[4.]])
    """
    lengths = (vectors**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None]
    return (lengths - 2 * vectors @ others.T).clip(0)


def around(vectors: np.ndarray, anchors: int, draw: np.random.Generator) -> Kernel:
    """Draws anchors among vectors [n d], and centres their kernel over all vectors; no weights yet.

    The width is twice the mean squared distance of a vector to an anchor, so that
    exp(-|x - a|^2 / (2 sigma^2)) has sigma^2 equal to that mean, as in the published code of KSH.

    Raises:
      UserError: there are fewer vectors than anchors.
    """
    if anchors > len(vectors):
        raise UserError(
            f"{anchors:,} anchors: there are only {len(vectors):,} training images; give fewer "
            "by model.shallow.ksh.anchors or model.shallow.sdh.anchors"
        )
    chosen = vectors[np.sort(draw.permutation(len(vectors))[:anchors])]
    width = 2 * squared_distances(vectors, chosen).mean()
    smallest = np.finfo(float).tiny
    kernel = Kernel(chosen, np.maximum(width, smallest), np.zeros(anchors), None, None)
    return kernel._replace(offset=kernel.features(vectors).mean(axis=0))
