"""Layers whose results do not depend on how a batch is split over devices."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.distributed import devices


class Dropout(nn.Module):
    """Drops activations while training, and scales the others so that the mean stays.

    Each image draws by its place in the global batch, so that the result does not depend on how
    the batch is spread over devices. (flax's own layer draws once for the rows of a replica.)

    Attributes:
      rate: share that is dropped, in [0, 1).
      whole: whether an image's activations are dropped all or none (stochastic depth).
    """

    rate: float
    whole: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b ...] to [b ...]; draws from the random numbers named "dropout"."""
        if not train or self.rate == 0:
            return x
        shape = (1,) * (x.ndim - 1) if self.whole else x.shape[1:]
        key = self.make_rng("dropout")
        keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(devices.rows(len(x)))
        kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - self.rate, shape))(keys)
        return jnp.where(kept, x / (1 - self.rate), 0).astype(x.dtype)


def largest(x: jax.Array, axis: int, keepdims: bool = False) -> jax.Array:
    """Returns the maximum along an axis; its gradient goes to the first element that has it.

    The gradient of `jnp.max` is 0 / 0 where the compiler computes x twice, rounds it differently,
    and so finds no element that equals the maximum: seen on CPUs at a low level of optimisation,
    and possible elsewhere. (`jnp.argmax` takes forty times as long as the maximum on a CPU.)

    Args:
      x: [...].
      axis: to be reduced.
      keepdims: whether the axis stays, with length 1.

    >>> print(jax.grad(lambda x: largest(x, 0))(jnp.array([1.0, 3.0, 3.0])))
    [0. 1. 0.]
    """
    found = _largest(x, axis)
    return found if keepdims else found.squeeze(axis)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _largest(x: jax.Array, axis: int) -> jax.Array:
    return x.max(axis, keepdims=True)


def _largest_forward(x: jax.Array, axis: int) -> tuple[jax.Array, jax.Array]:
    return _largest(x, axis), x


def _largest_backward(axis: int, x: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    x = jax.lax.optimization_barrier(x)  # both lines below see the same numbers
    places = jax.lax.broadcasted_iota(jnp.int32, x.shape, axis % x.ndim)
    with_it = jnp.where(x >= x.max(axis, keepdims=True), places, x.shape[axis])
    first = with_it.min(axis, keepdims=True)
    return (jnp.where(places == first, gradient, 0).astype(x.dtype),)


_largest.defvjp(_largest_forward, _largest_backward)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(x: jax.Array, side: int) -> jax.Array:
    """Reduces each square of a map to its maximum; the gradient is divided among equal maxima.

    As `flax.linen.max_pool` with a stride of the side, but for the gradient where several pixels
    have the maximum, and much faster on a CPU, where XLA scatters that gradient pixel by pixel.

    Args:
      x: [b h w c].
      side: of the squares in pixels; rows and columns that fill no square are left out.

    Returns:
      [b h/side w/side c], rounded down.

    >>> print(max_pool(jnp.arange(9.0).reshape(1, 3, 3, 1), 2).squeeze())
    4.0
    """
    return _squares(x, side).max(axis=(2, 4))


def _squares(x: jax.Array, side: int) -> jax.Array:
    """Divides a map [b h w c] into squares, [b h/side side w/side side c]."""
    batch, height, width, channels = x.shape
    rows, columns = height // side, width // side
    whole = x[:, : rows * side, : columns * side]
    return whole.reshape(batch, rows, side, columns, side, channels)


def _max_pool_forward(x: jax.Array, side: int) -> tuple[jax.Array, jax.Array]:
    return max_pool(x, side), x


def _max_pool_backward(side: int, x: jax.Array, gradient: jax.Array) -> tuple[jax.Array]:
    squares = _squares(jax.lax.optimization_barrier(x), side)  # computed once
    largest_of = squares.max(axis=(2, 4), keepdims=True)
    has_it = (squares == largest_of).astype(x.dtype)
    share = gradient[:, :, None, :, None] / has_it.sum(axis=(2, 4), keepdims=True)
    whole = (has_it * share).reshape(
        x.shape[0], squares.shape[1] * side, squares.shape[3] * side, x.shape[3]
    )
    left = (x.shape[1] - whole.shape[1], x.shape[2] - whole.shape[2])
    return (jnp.pad(whole, ((0, 0), (0, left[0]), (0, left[1]), (0, 0))),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def pool_to(x: jax.Array, size: int) -> jax.Array:
    """Averages a map down (or spreads it out) to size x size, as PyTorch's adaptive pooling does.

    Cell i of n covers the pixels from floor(i h / n) to ceil((i + 1) h / n).

    Args:
      x: [b h w c].
      size: height and width of the result.

    Returns:
      [b size size c].

    >>> print(pool_to(jnp.arange(3.0).reshape(1, 3, 1, 1) + jnp.zeros((1, 3, 3, 1)), 2)[0, :, 0, 0])
    [0.5 1.5]
    """
    if x.shape[1:3] == (size, size):
        return x
    rows, columns = (jnp.asarray(_cells(length, size), x.dtype) for length in x.shape[1:3])
    return jnp.einsum("bhwc,ih,jw->bijc", x, rows, columns)


def _cells(length: int, size: int) -> np.ndarray:
    cells = np.zeros((size, length))
    for i in range(size):
        start, end = i * length // size, -(-(i + 1) * length // size)
        cells[i, start:end] = 1 / (end - start)
    return cells
