"""Shallow hashing: codes of vectors that are fitted, not trained, one method a file.

A file has `fit(vectors, ...) -> function of vectors`, and `build(**options) -> Method`, by which
`model.shallow.name` of a config finds it: the method then takes the place of the hash layer, its
vectors are what the network computes of the training images, and there are no steps of training.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

from jaxhash import registry

Array = Any  # of NumPy, or of JAX inside a network


class Function(Protocol):
    """A hash function of vectors: a NamedTuple of arrays, NumPy's or JAX's."""

    def project(self, vectors: Array) -> Array:
        """Computes u of vectors [n d]: [n k]; a bit is 1 where u >= 0."""

    def _asdict(self) -> dict[str, Array]: ...


class Method(NamedTuple):
    """A shallow method with its options.

    fit: (vectors [n d], labels [n l] 0 or 1, bits, seed) -> Function, in float64.
    shapes: (d, bits) -> a Function with shapes in place of its arrays.
    """

    fit: Callable[[Array, Array, int, int], Function]
    shapes: Callable[[int, int], Any]


class Hyperplanes(NamedTuple):
    """Bit i is 1 where u_i = (x - mean) . directions_i >= 0.

    mean: [d]. directions: [d k].
    """

    mean: Array
    directions: Array

    @classmethod
    def shapes(cls, dimensions: int, bits: int) -> Self:
        """Returns the shapes of its arrays."""
        return cls((dimensions,), (dimensions, bits))

    def project(self, vectors: Array) -> Array:
        """Computes u of vectors [n d]: [n k].

        >>> import numpy as np
        >>> Hyperplanes(np.array([1.0, 0.0]), np.eye(2)).project(np.array([[0.0, 3.0]]))
        array([[-1.,  3.]])
        """
        return (vectors - self.mean[None]) @ self.directions


def build(config: Any) -> Method | None:
    """Builds the method that `config.model.shallow` names; None for `none`.

    >>> from jaxhash.config import base
    >>> build(base().model.shallow) is None
    True
    """
    module = registry.find(__name__, config.name)
    return module.build(**registry.options(config, module))
