"""Shared by pairwise losses: rows [b ...] against columns [n ...]."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes
from jaxhash.models import quantizers

ROWS_AT_ONCE = 1_024  # of all images, where all are paired with all


def similarity(rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Returns s: 1 where two images share a label, else 0.

    Args:
      rows: [b l] labels, 0 or 1.
      columns: [n l] labels, 0 or 1.

    Returns:
      [b n] float32.

    >>> import jax.numpy as jnp
    >>> print(similarity(jnp.array([[1, 0, 1]]), jnp.array([[0, 0, 1], [0, 1, 0]])))
    [[1. 0.]]
    """
    shared = jnp.einsum("bl,nl->bn", rows.astype(jnp.float32), columns.astype(jnp.float32))
    return (shared > 0).astype(jnp.float32)


def distinct(rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Returns the mask of valid pairs: an image is not paired with itself.

    Args:
      rows: [b] numbers of images.
      columns: [n] numbers of images.

    Returns:
      [b n] bool.

    >>> import jax.numpy as jnp
    >>> print(distinct(jnp.array([3]), jnp.array([3, 7])))
    [[False  True]]
    """
    return rows[:, None] != columns[None, :]


def negative_log_likelihood(
    u: jax.Array, v: jax.Array, similar: jax.Array, scale: float = 0.5
) -> jax.Array:
    """Returns log(1 + exp(theta)) - s theta with theta = scale <u, v>, for every pair.

    DHIDA equation 11, DPSH equation 2. The first term is softplus, which neither overflows nor
    rounds small values to 0.

    Args:
      u: [b k] codes of the rows.
      v: [n k] codes of the columns.
      similar: [b n] s, 0 or 1.
      scale: 1/2 in most papers.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> code = jnp.ones((1, 4))
    >>> print(negative_log_likelihood(code, -code, jnp.zeros((1, 1))).round(4))
    [[0.1269]]
    """
    theta = scale * jnp.einsum("bk,nk->bn", u, v)
    return jax.nn.softplus(theta) - similar * theta


def share_of_similar(columns: Codes) -> jax.Array:
    """Returns the share of similar pairs among the pairs i != j of a global batch, a scalar.

    >>> import jax.numpy as jnp
    >>> labels = jnp.array([[1, 0], [1, 0], [0, 1]])
    >>> print(share_of_similar(Codes(jnp.zeros((3, 4)), labels, jnp.arange(3))).round(4))
    0.3333
    """

    def count(rows: Codes) -> jax.Array:
        valid = distinct(rows.index, columns.index)
        similar = jnp.where(valid, similarity(rows.labels, columns.labels), 0)
        return jnp.stack([similar.sum(axis=1), valid.sum(axis=1)], axis=1)

    counts = by_rows(count, columns).sum(axis=0)
    return counts[0] / jnp.maximum(counts[1], 1)


def by_rows(function: Callable[[Any], jax.Array], rows: Any) -> jax.Array:
    """Applies a function of rows in parts, so that no array [n n] is needed.

    Args:
      function: (a tree of arrays [b ...]) -> [b ...].
      rows: a tree of arrays [n ...].

    Returns:
      [n ...].

    >>> print(by_rows(lambda x: x.sum(axis=1), jnp.ones((3, 2))))
    [2. 2. 2.]
    """

    def one(row: Any) -> jax.Array:
        return function(jax.tree.map(lambda x: x[None], row))[0]

    return jax.lax.map(one, rows, batch_size=ROWS_AT_ONCE)


def balanced_weight(similar: jax.Array, share: jax.Array) -> jax.Array:
    """Weighs pairs so that similar and dissimilar ones have the same total: |S| / |S_s|.

    HashNet, equation 2, and DCH, equation 3: the inverse of the share that a kind has.

    Args:
      similar: [b n] s, 0 or 1.
      share: of similar pairs, see `share_of_similar`.

    Returns:
      [b n]; 0 for a kind that there is none of.

    >>> import jax.numpy as jnp
    >>> print(balanced_weight(jnp.array([[1.0, 0.0]]), jnp.array(0.25)).round(4))
    [[4.     1.3333]]
    """
    own = jnp.where(similar > 0, share, 1 - share)
    return jnp.where(own > 0, 1 / jnp.where(own > 0, own, 1.0), 0.0)


def mean_over_columns(values: jax.Array, valid: jax.Array) -> jax.Array:
    """Averages each row over its valid columns; 0 where a row has none.

    Args:
      values: [b n].
      valid: [b n] bool.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> pairs = jnp.array([[1.0, 3.0], [5.0, 7.0]])
    >>> print(mean_over_columns(pairs, jnp.array([[True, True], [False, False]])))
    [2. 0.]
    """
    total = jnp.where(valid, values, 0).sum(axis=1)
    return total / jnp.maximum(valid.sum(axis=1), 1)


def quantisation_error(v: jax.Array) -> jax.Array:
    """Returns mean_k (sign(v^k) - v^k)^2; the sign is a constant to the gradient.

    Args:
      v: [b k] codes.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> print(quantisation_error(jnp.array([[0.5, -1.0]])))
    [0.125]
    """
    return jnp.mean((jax.lax.stop_gradient(quantizers.sign(v)) - v) ** 2, axis=1)
