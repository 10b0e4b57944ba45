"""SH: spectral hashing, waves along the principal components (Weiss et al., NIPS 2008)."""

from typing import Any, NamedTuple, Self

import numpy as np

from jaxhash.shallow import Method, pcah


class Waves(NamedTuple):
    """Bit i is 1 where u_i = cos(((x - mean) . directions_i - low_i) frequency_i) >= 0.

    mean: [d]. directions: [d k]. low, frequency: [k].
    """

    mean: Any
    directions: Any
    low: Any
    frequency: Any

    @classmethod
    def shapes(cls, dimensions: int, bits: int) -> Self:
        """Returns the shapes of its arrays."""
        return cls((dimensions,), (dimensions, bits), (bits,), (bits,))

    def project(self, vectors: Any) -> Any:
        """Computes u of vectors [n d]: [n k].

        >>> wave = Waves(np.zeros(1), np.ones((1, 1)), np.zeros(1), np.array([np.pi]))
        >>> wave.project(np.array([[0.0], [0.5], [1.0]])).round(2).ravel().tolist()
        [1.0, 0.0, -1.0]
        """
        along = (vectors - self.mean[None]) @ self.directions - self.low[None]
        return along.__array_namespace__().cos(along * self.frequency[None])


def fit(vectors: np.ndarray, bits: int, seed: int = 0) -> Waves:
    """Chooses the `bits` waves of lowest frequency along the principal components.

    The paper takes the data to be spread evenly over a box along its principal components. The
    eigenfunctions of the Laplacian are then sin(pi/2 + j pi z / r) for j = 1, 2, ..., with z the
    distance from the lower side of a component and r its range, and their eigenvalues rise with
    j / r. As in the paper's code, min(k, d) components are looked at, products of waves along
    several components are not, and the component of largest range has up to k waves, others in
    proportion.

    Args:
      vectors: [n d], not all equal.
      bits: k.
      seed: not used; nothing is drawn.

    Raises:
      UserError: there are too few vectors.

    >>> box = np.stack(np.meshgrid(np.linspace(0, 3, 31), np.linspace(0, 1, 11)), -1).reshape(-1, 2)
    >>> (fit(box, 4).frequency / np.pi).round(2).tolist()  # three along the side of 3, one of 1
    [0.33, 0.67, 1.0, 1.0]
    """
    del seed
    used = min(bits, vectors.shape[1])
    mean, directions = pcah.fit(vectors, used)
    components = (vectors - mean) @ directions
    low, high = components.min(axis=0), components.max(axis=0)
    spread = np.maximum(high - low, np.finfo(float).tiny)
    most = np.ceil((bits + 1) * spread / spread.max()).astype(int) - 1
    waves = [(j / spread[i], i, j) for i in range(used) for j in range(1, most[i] + 1)]
    # Equal frequencies, as of a square, in the order of the components, whatever their rounding.
    chosen = sorted(waves, key=lambda wave: (round(wave[0], 12), wave[1]))[:bits]
    of = np.array([i for _, i, _ in chosen])
    frequency = np.array([np.pi * value for value, _, _ in chosen])
    return Waves(mean, directions[:, of], low[of], frequency)


def build() -> Method:
    """Returns the method; see `fit`."""

    def fitted(vectors: np.ndarray, labels: np.ndarray, bits: int, seed: int) -> Waves:
        del labels
        return fit(vectors, bits, seed)

    return Method(fitted, Waves.shapes)
