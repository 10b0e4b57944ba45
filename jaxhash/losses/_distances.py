"""Distances of codes for every pair of rows [b k] and columns [n k], without an array [b n k]."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp


def squared_distance(u: jax.Array, v: jax.Array) -> jax.Array:
    """Returns |u - v|^2 for every pair, from products: without an array [b n k].

    Args:
      u: [b k] codes of the rows.
      v: [n k] codes of the columns.

    Returns:
      [b n]; of equal codes 0 up to rounding.

    >>> import jax.numpy as jnp
    >>> print(squared_distance(jnp.array([[1.0, 2.0]]), jnp.array([[1.0, 2.0], [0.0, 0.0]])))
    [[0. 5.]]
    """
    lengths, others = (jnp.sum(x**2, axis=1) for x in (u, v))
    return lengths[:, None] + others[None, :] - 2 * jnp.einsum("bk,nk->bn", u, v)


def cosine(u: jax.Array, v: jax.Array) -> jax.Array:
    """Returns the cosine of every pair; that of a code of zeros is 0, and has no gradient.

    Args:
      u: [b k] codes of the rows.
      v: [n k] codes of the columns.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(cosine(jnp.array([[2.0, 0.0], [0.0, 0.0]]), jnp.array([[3.0, 0.0], [0.0, 1.0]])))
    [[1. 0.]
     [0. 0.]]
    """
    return jnp.einsum("bk,nk->bn", unit(u), unit(v))


def unit(u: jax.Array) -> jax.Array:
    """Divides each row [b k] by its length; rows of zeros stay, without a gradient.

    >>> import jax.numpy as jnp
    >>> print(unit(jnp.array([[3.0, 4.0], [0.0, 0.0]])))
    [[0.6 0.8]
     [0.  0. ]]
    """
    squared = jnp.sum(u**2, axis=1, keepdims=True)
    some = squared > 0
    # The root's derivative at 0 is infinite, and infinity times 0 is NaN: keep the root away.
    return jnp.where(some, u / jnp.sqrt(jnp.where(some, squared, 1.0)), 0.0)


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
