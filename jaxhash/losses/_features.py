"""Shared by losses without labels: codes that keep the cosines of features."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes
from jaxhash.losses import _pairs as pairs


def cosines(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns the cosine of every pair; 0 for a vector of zeros.

    Args:
      x: [b d].
      y: [n d].

    Returns:
      [b n].

    >>> print(cosines(jnp.array([[2.0, 0.0]]), jnp.array([[3.0, 0.0], [0.0, 0.0]])))
    [[1. 0.]]
    """
    x, y = (v / jnp.sqrt(jnp.maximum((v**2).sum(axis=1, keepdims=True), 1e-12)) for v in (x, y))
    return jnp.einsum("bd,nd->bn", x, y)


def lost_similarity(codes: jax.Array, others: jax.Array, rows: Codes, columns: Codes) -> jax.Array:
    """Averages (cos(b_i, b_j) - cos(x_i, x_j))^2 over the images j != i of the batch.

    Args:
      codes: [b k] of the rows.
      others: [n k] of the columns.
      rows, columns: of the batch, with `features` x, which get no gradient.

    Returns:
      [b].
    """
    assert rows.features is not None and columns.features is not None
    wanted = jax.lax.stop_gradient(cosines(rows.features, columns.features))
    lost = (cosines(codes, others) - wanted) ** 2
    return pairs.mean_over_columns(lost, pairs.distinct(rows.index, columns.index))
