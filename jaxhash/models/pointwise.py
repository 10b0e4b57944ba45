"""1x1 convolutions: products over the channels, with a derivative that is fast on CPUs."""

from typing import Any

import jax


@jax.custom_vjp
def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiplies [... c] by [c d].

    The derivatives are those of the product. On a CPU, XLA would compute what comes in, such as the
    derivative of a batch normalisation, once for each of them, and write it transposed, which is
    slow where it is wide. Here it is computed once, and the narrower of the two factors of the
    kernel's derivative is transposed.

    >>> import jax.numpy as jnp
    >>> product(jnp.ones((2, 1, 1, 3)), jnp.ones((3, 4))).shape
    (2, 1, 1, 4)
    """
    return x @ kernel


def _forward(x: jax.Array, kernel: jax.Array) -> tuple:
    return x @ kernel, (x, kernel)


def _backward(kept: tuple, dy: jax.Array) -> tuple:
    x, kernel = kept
    rows = x.reshape(-1, x.shape[-1])
    dy = jax.lax.optimization_barrier(dy.reshape(-1, dy.shape[-1]))
    dx = jax.lax.dot_general(dy, kernel, (((1,), (1,)), ((), ()))).reshape(x.shape)
    over_rows = (((0,), (0,)), ((), ()))
    if kernel.shape[0] <= kernel.shape[1]:
        return dx, jax.lax.dot_general(rows, dy, over_rows)
    return dx, jax.lax.dot_general(dy, rows, over_rows).T


product.defvjp(_forward, _backward)


def dot_general(x: jax.Array, kernel: jax.Array, *_: Any, **__: Any) -> jax.Array:
    """Takes the place of `jax.lax.dot_general` in `flax.linen.Dense`."""
    return product(x, kernel)
