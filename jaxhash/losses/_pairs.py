"""Shared by pairwise losses: rows [b ...] against columns [n ...]."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxhash.models import quantizers


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


def negative_log_likelihood(u: jax.Array, v: jax.Array, similar: jax.Array) -> jax.Array:
    """Returns log(1 + exp(theta)) - s theta with theta = <u, v> / 2, for every pair.

    DHIDA equation 11, DPSH equation 2. The first term is softplus, which neither overflows nor
    rounds small values to 0.

    Args:
      u: [b k] codes of the rows.
      v: [n k] codes of the columns.
      similar: [b n] s, 0 or 1.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> code = jnp.ones((1, 4))
    >>> print(negative_log_likelihood(code, -code, jnp.zeros((1, 1))).round(4))
    [[0.1269]]
    """
    theta = jnp.einsum("bk,nk->bn", u, v) / 2
    return jax.nn.softplus(theta) - similar * theta


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


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def sum_over_bits(
    f: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, y: jax.Array
) -> jax.Array:
    """Returns sum_k f(x_i^k, y_j^k) for every pair i, j, bit by bit: without an array [b n k].

    Forward and backward, the memory is that of some arrays [b n].

    Args:
      f: (rows [b 1], columns [1 n]) -> [b n], elementwise and differentiable.
      x: [b k] codes of the rows.
      y: [n k] codes of the columns.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(sum_over_bits(lambda x, y: (x - y) ** 2, jnp.array([[0.0, 1.0]]), jnp.ones((2, 2))))
    [[1. 1.]]
    """

    def add(total: jax.Array, bit: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + f(bit[0][:, None], bit[1][None, :]), None

    return jax.lax.scan(add, jnp.zeros((len(x), len(y)), x.dtype), (x.T, y.T))[0]


def _sum_forward(f, x: jax.Array, y: jax.Array):
    return sum_over_bits(f, x, y), (x, y)


def _sum_backward(f, codes: tuple[jax.Array, jax.Array], cotangent: jax.Array):
    def one_bit(bit: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(lambda x, y: f(x[:, None], y[None, :]), *bit)[1](cotangent)

    x, y = jax.lax.map(one_bit, tuple(side.T for side in codes))
    return x.T, y.T


sum_over_bits.defvjp(_sum_forward, _sum_backward)


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
