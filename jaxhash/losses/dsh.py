"""DSH: distances of codes, and outputs drawn to -1 and +1 (Liu, Wang, Shan, Chen, CVPR 2016)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs


def contrastive(u: jax.Array, v: jax.Array, similar: jax.Array, margin: float) -> jax.Array:
    """Returns s/2 d + (1 - s)/2 max(m k - d, 0) with d = |u - v|^2, for every pair.

    DSH equation 2: similar codes are drawn together, dissimilar ones apart up to the margin.

    Args:
      u: [b k] codes of the rows.
      v: [n k] codes of the columns.
      similar: [b n] s, 0 or 1.
      margin: m, a bit.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> u, v = jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 0.0]])
    >>> print(contrastive(u, v, jnp.ones((1, 1)), 2.0), contrastive(u, v, jnp.zeros((1, 1)), 2.0))
    [[0.5]] [[1.5]]
    """
    distance = distances.squared_distance(u, v)
    apart = jax.nn.relu(margin * u.shape[1] - distance)
    return (similar * distance + (1 - similar) * apart) / 2


def build(margin: float = 2.0, alpha: float = 0.01) -> HashLoss:
    """Builds DSH equation 3, averaged over the pairs i != j of the batch.

        L = s/2 d + (1 - s)/2 max(m - d, 0) + alpha (||u_i| - 1|_1 + ||u_j| - 1|_1)

    with d = |u_i - u_j|^2. The regulariser of a pair counts both images, so that its mean is twice
    that of an image.

    Args:
      margin: m / k; the paper has m = 2k, half the largest distance of codes that differ in every
        bit.
      alpha: weight of the regulariser.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build().apply((), codes, codes)[0].round(4))  # 8 / 2 + .01 * 2 * 4
    [4.08 4.08]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        distance = contrastive(rows.u, columns.u, similar, margin)
        distance = pairs.mean_over_columns(distance, valid)
        away = jnp.abs(jnp.abs(rows.u) - 1).sum(axis=1)
        metrics = {"distance": distance.mean(), "regulariser": away.mean()}
        return distance + 2 * alpha * away, state, metrics

    return HashLoss(stateless, apply)
