"""Depthwise convolution: each channel with a kernel of its own, in the form fast on each platform.

XLA's grouped convolution is many times slower than it need be on a CPU. There the products are
written out, one for each tap of the kernel; the derivative by the kernel is a loop over the pixels
of the result. Other platforms use the grouped convolution, which is also the reference of the
tests.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

Padding = tuple[tuple[int, int], tuple[int, int]]


def same_padding(size: tuple[int, int], side: int, stride: int) -> Padding:
    """Returns the padding by which a map of h x w becomes ceil(h/stride) x ceil(w/stride).

    TensorFlow's "SAME": what is odd goes to the bottom and the right.

    Args:
      size: height and width of the map.
      side: height and width of the kernel.
      stride: of height and width.

    >>> same_padding((4, 5), 3, 2)
    ((0, 1), (1, 1))
    """
    needed = (max((-(-n // stride) - 1) * stride + side - n, 0) for n in size)
    rows, columns = ((total // 2, total - total // 2) for total in needed)
    return rows, columns


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def depthwise(x: jax.Array, kernel: jax.Array, stride: int, padding: Padding) -> jax.Array:
    """Convolves each channel with a kernel of its own.

        y[b i j c] = sum over u, v of x[b (i stride + u) (j stride + v) c] kernel[u v c]

    Args:
      x: [b h w c].
      kernel: [side side c].
      stride: of height and width.
      padding: rows above and below, columns to the left and right, of zeros.

    Returns:
      [b h' w' c].

    >>> x = jnp.ones((1, 4, 4, 1))
    >>> print(depthwise(x, jnp.ones((3, 3, 1)), 2, ((1, 1), (1, 1)))[0, :, :, 0])
    [[4. 6.]
     [6. 9.]]
    """
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=partial(_by_taps, stride=stride, padding=padding),
        default=partial(grouped, stride=stride, padding=padding),
    )


def grouped(x: jax.Array, kernel: jax.Array, stride: int, padding: Padding) -> jax.Array:
    """Computes `depthwise` as XLA's grouped convolution.

    >>> grouped(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2)), 2, ((1, 1), (1, 1))).shape
    (1, 2, 2, 2)
    """
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[3],
    )


def _by_taps(x: jax.Array, kernel: jax.Array, stride: int, padding: Padding) -> jax.Array:
    side = kernel.shape[0]
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    height, width = ((n - side) // stride * stride + 1 for n in padded.shape[1:3])
    taps = [
        padded[:, i : i + height : stride, j : j + width : stride] * kernel[None, None, None, i, j]
        for i in range(side)
        for j in range(side)
    ]
    return sum(taps[1:], taps[0])


def _forward(x: jax.Array, kernel: jax.Array, stride: int, padding: Padding) -> tuple:
    return depthwise(x, kernel, stride, padding), (x, kernel)


def _backward(stride: int, padding: Padding, kept: tuple, dy: jax.Array) -> tuple:
    return jax.lax.platform_dependent(
        *kept,
        dy,
        cpu=partial(_derivatives_by_taps, stride=stride, padding=padding),
        default=partial(_derivatives_of_grouped, stride=stride, padding=padding),
    )


depthwise.defvjp(_forward, _backward)


def _derivatives_of_grouped(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, stride: int, padding: Padding
) -> tuple[jax.Array, jax.Array]:
    _, backward = jax.vjp(partial(grouped, stride=stride, padding=padding), x, kernel)
    return backward(dy)


def _derivatives_by_taps(
    x: jax.Array, kernel: jax.Array, dy: jax.Array, stride: int, padding: Padding
) -> tuple[jax.Array, jax.Array]:
    side = kernel.shape[0]
    # By x: the taps again, over dy with zeros between its pixels, with the kernel turned round.
    rows, columns = (
        (side - 1 - before, n - 1 + before - (out - 1) * stride, stride - 1)
        for n, out, (before, _) in zip(x.shape[1:3], dy.shape[1:3], padding, strict=True)
    )
    spread = jax.lax.pad(dy, jnp.zeros((), dy.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))
    dx = _by_taps(spread, kernel[::-1, ::-1], 1, ((0, 0), (0, 0)))
    return dx, _kernel_derivative(x, dy, side, stride, padding).astype(kernel.dtype)


def _kernel_derivative(
    x: jax.Array, dy: jax.Array, side: int, stride: int, padding: Padding
) -> jax.Array:
    """Sums, over the pixels of the result, the window that each sees times its derivative."""
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    batch, height, width, channels = dy.shape

    def add(pixel: jax.Array, total: jax.Array) -> jax.Array:
        row, column = pixel // width, pixel % width
        window = jax.lax.dynamic_slice(
            padded, (0, row * stride, column * stride, 0), (batch, side, side, channels)
        )
        at = jax.lax.dynamic_slice(dy, (0, row, column, 0), (batch, 1, 1, channels))
        return total + (window * at).astype(jnp.float32)

    start = jnp.zeros((batch, side, side, channels), jnp.float32)
    return jax.lax.fori_loop(0, height * width, add, start).sum(axis=0)


class DepthwiseConvolution(nn.Module):
    """A depthwise convolution with "SAME" padding and without bias.

    Attributes:
      side: height and width of the kernel.
      stride: of height and width.
      dtype: of the result.
    """

    side: int
    stride: int = 1
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b ceil(h/stride) ceil(w/stride) c]."""
        # Each output has side * side inputs, whatever the number of channels.
        he = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
        kernel = self.param("kernel", he, (self.side, self.side, 1, x.shape[3]))
        _, height, width, _ = x.shape
        padding = same_padding((height, width), self.side, self.stride)
        return depthwise(x, kernel[:, :, 0].astype(self.dtype), self.stride, padding)
