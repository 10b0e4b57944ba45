"""Convolutions as XLA's; on a CPU, some of them in forms that are faster there.

Small maps, and the kernel's gradient of large ones, are products of patches; a kernel of few
channels walks along the longer side alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange

# On a CPU (benchmarks/log.md): pixels of a map, and bytes of all its patches, up to which their
# product is faster than XLA's convolution.
LARGEST, MOST_BYTES = 50, 2**24
# Channels before and after a convolution up to which the pixels across a map are taken as its
# channels, and bytes of the kernel that results.
FEW_CHANNELS, MOST_BAND = 4, 2**24
# The gradient of a kernel by patches is faster than XLA's from so many pixels of a map and numbers
# in a patch on, up to so many channels; and the bytes of patches that a core keeps near.
FEWEST_PIXELS, FEWEST_SEEN, MOST_CHANNELS, NEAR_BYTES = 100, 145, 128, 2**20

Padding = Sequence[tuple[int, int]]
Convolution = Callable[[jax.Array, jax.Array], jax.Array]


def conv_general_dilated(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding, **options: Any
) -> jax.Array:
    """Takes the place of `jax.lax.conv_general_dilated` in `flax.linen.Conv`.

    On a CPU, XLA's convolution of maps of 2 x 2 pixels takes twenty times as long as a product of
    the same size, and its gradient of the kernel, for larger maps of few channels, two to five
    times as long as the product of patches. With few channels on both sides, as in the gates of
    attention, it takes up to forty times as long as `by_rows`.

    Args:
      x: [b h w c].
      kernel: [u v c d].
      strides: of height and width.
      padding: rows above and below, columns to the left and right, of zeros.
      **options: as of XLA's; where any asks for groups or dilation, XLA's convolution is taken.

    Returns:
      [b h' w' d].

    >>> x, kernel = jnp.ones((1, 2, 2, 3)), jnp.ones((3, 3, 3, 1))
    >>> conv_general_dilated(x, kernel, (1, 1), ((1, 1), (1, 1)))[0, :, :, 0].tolist()
    [[12.0, 12.0], [12.0, 12.0]]
    """
    named = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), **options}

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(x, kernel, strides, padding, **named)

    if not _is_ordinary(kernel, padding, named):
        return plain(x, kernel)
    height, width = _size(x.shape, kernel.shape[:2], strides, padding)
    pixels, on_cpu = height * width, plain
    if min(height, width) < 1:  # XLA's error, or nothing
        return plain(x, kernel)
    if max(kernel.shape[2:]) <= FEW_CHANNELS:
        band = max(kernel.shape[:2]) * kernel[0, 0].size * min(x.shape[1:3]) * min(height, width)
        if band * x.dtype.itemsize <= MOST_BAND:
            on_cpu = partial(by_rows, strides=strides, padding=padding)
    elif pixels <= LARGEST:
        batch = x.shape[0] if isinstance(x.shape[0], int) else 1  # exported for any number
        if batch * pixels * kernel[..., 0].size * x.dtype.itemsize <= MOST_BYTES:
            on_cpu = partial(by_patches, strides=strides, padding=padding)
    elif _gains(pixels, kernel):
        on_cpu = partial(_with_own_gradient, plain, tuple(strides), tuple(map(tuple, padding)))
    if on_cpu is plain:
        return plain(x, kernel)
    return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=plain)


def _gains(pixels: int, kernel: jax.Array) -> bool:
    """Says whether the gradient of a kernel [u v c d] is faster by patches."""
    seen, channels = kernel[..., 0].size, kernel.shape[2]
    return pixels >= FEWEST_PIXELS and seen >= FEWEST_SEEN and channels <= MOST_CHANNELS


def by_patches(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding
) -> jax.Array:
    """Computes a convolution as the product of what each pixel of the result sees with the kernel.

    >>> by_patches(jnp.ones((1, 3, 3, 2)), jnp.ones((3, 3, 2, 4)), (1, 1), ((0, 0), (0, 0))).shape
    (1, 1, 1, 4)
    """
    return _patches(x, kernel.shape[:2], strides, padding) @ kernel.reshape(-1, kernel.shape[-1])


def by_rows(x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding) -> jax.Array:
    """Computes a convolution as one along the longer side, with all pixels across as its channels.

    Its kernel, [u (w c) (w' d)] along the height, has the weight of each column of the map for each
    of the result, 0 for those that it does not see.

    >>> by_rows(jnp.ones((1, 3, 3, 2)), jnp.ones((3, 3, 2, 4)), (1, 1), ((0, 0), (0, 0))).shape
    (1, 1, 1, 4)
    """
    if x.shape[1] < x.shape[2]:
        turned = by_rows(
            x.swapaxes(1, 2), kernel.swapaxes(0, 1), tuple(strides)[::-1], tuple(padding)[::-1]
        )
        return turned.swapaxes(1, 2)
    _, width = _size(x.shape, kernel.shape[:2], strides, padding)
    starts = np.arange(width) * strides[1] - padding[1][0]
    place = np.arange(x.shape[2])[:, None] - starts  # [w w'], column of the kernel
    seen = (place >= 0) & (place < kernel.shape[1])
    columns = kernel[:, np.where(seen, place, 0)]  # [u w w' c d]
    band = rearrange(jnp.where(seen[..., None, None], columns, 0), "u w out c d -> u (w c) (out d)")
    y = jax.lax.conv_general_dilated(
        rearrange(x, "b h w c -> b h (w c)"),
        band,
        strides[:1],
        padding[:1],
        dimension_numbers=("NHC", "HIO", "NHC"),
    )
    return rearrange(y, "b h (w d) -> b h w d", w=width)


def kernel_gradient(
    x: jax.Array,
    gradient: jax.Array,
    sides: tuple[int, int],
    strides: Sequence[int],
    padding: Padding,
) -> jax.Array:
    """Computes the gradient of a convolution by its kernel, a few images or rows at a time.

    It is the sum over pixels of the result of what each sees times its gradient.

    Args:
      x: [b h w c], what is convolved.
      gradient: [b h' w' d], of the result.
      sides: height and width u, v of the kernel.
      strides, padding: see `conv_general_dilated`.

    Returns:
      [u v c d].

    >>> x, gradient = jnp.ones((2, 3, 3, 1)), jnp.ones((2, 1, 1, 1))
    >>> print(kernel_gradient(x, gradient, (3, 3), (1, 1), ((0, 0), (0, 0)))[0, :, 0, 0])
    [2. 2. 2.]
    """
    batch, height, width, filters = gradient.shape
    seen = sides[0] * sides[1] * x.shape[3]  # by a pixel
    images = _most(batch, NEAR_BYTES // (4 * height * width * seen))
    rows = _most(height, NEAR_BYTES // (4 * width * seen))
    bands = height // rows
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    taken = images, (rows - 1) * strides[0] + sides[0], *padded.shape[2:]

    def add(total: jax.Array, part: jax.Array) -> tuple[jax.Array, None]:
        image, row = part // bands * images, part % bands * rows
        some = jax.lax.dynamic_slice(padded, (image, row * strides[0], 0, 0), taken)
        of_them = jax.lax.dynamic_slice(
            gradient, (image, row, 0, 0), (images, rows, width, filters)
        )
        patches = _patches(some, sides, strides, ((0, 0), (0, 0)))
        contracted = (((0, 1, 2), (0, 1, 2)), ((), ()))
        return total + jax.lax.dot_general(patches, of_them, contracted), None

    start = jnp.zeros((seen, filters), gradient.dtype)
    total, _ = jax.lax.scan(add, start, jnp.arange(batch // images * bands))
    return total.reshape(*sides, x.shape[3], filters)


def _most(count: int, limit: int) -> int:
    """Returns the largest divisor of a count up to a limit, or 1."""
    return max(n for n in range(1, max(1, min(count, limit)) + 1) if count % n == 0)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _with_own_gradient(
    plain: Convolution, strides: tuple, padding: tuple, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    return plain(x, kernel)


def _forward(
    plain: Convolution, strides: tuple, padding: tuple, x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple]:
    return plain(x, kernel), (x, kernel)


def _backward(
    plain: Convolution, strides: tuple, padding: tuple, kept: tuple, gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = kept
    (of_x,) = jax.vjp(lambda x: plain(x, kernel), x)[1](gradient)
    of_kernel = kernel_gradient(x, gradient, kernel.shape[:2], strides, padding)
    return of_x, of_kernel.astype(kernel.dtype)


_with_own_gradient.defvjp(_forward, _backward)


def _patches(
    x: jax.Array, sides: tuple[int, ...], strides: Sequence[int], padding: Padding
) -> jax.Array:
    """Lays side by side what each pixel of the result sees: [b h w c] to [b h' w' (u v c)]."""
    height, width = _size(x.shape, sides, strides, padding)
    # Computed once; otherwise XLA computes what gives x anew for each pixel of the kernel.
    padded = jax.lax.optimization_barrier(jnp.pad(x, ((0, 0), *padding, (0, 0))))
    seen = [
        padded[
            :,
            i : i + (height - 1) * strides[0] + 1 : strides[0],
            j : j + (width - 1) * strides[1] + 1 : strides[1],
        ]
        for i in range(sides[0])
        for j in range(sides[1])
    ]
    return jnp.concatenate(seen, axis=-1)


def _size(
    image: Sequence[int], sides: Sequence[int], strides: Sequence[int], padding: Padding
) -> tuple[int, int]:
    """Returns height and width of the result for images [b h w c]."""
    height, width = (
        (size + sum(pads) - side) // stride + 1
        for size, pads, side, stride in zip(image[1:3], padding, sides, strides, strict=True)
    )
    return height, width


def _is_ordinary(kernel: jax.Array, padding: Padding | str, options: dict[str, Any]) -> bool:
    dilations = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    grouped = options.get("feature_group_count", 1) != 1
    return (
        kernel.ndim == 4 and not isinstance(padding, str) and not grouped and set(dilations) <= {1}
    )
