"""Convolutions of small maps: as XLA's, but for CPUs a product of patches."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

LARGEST = 50  # pixels of a map, up to which patches are faster on a CPU

Padding = Sequence[tuple[int, int]]


def conv_general_dilated(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding, **options: Any
) -> jax.Array:
    """Takes the place of `jax.lax.conv_general_dilated` in `flax.linen.Conv`.

    On a CPU, XLA's convolution of maps of 2 x 2 pixels takes twenty times as long as a product of
    the same size (benchmarks/log.md).

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

    if _is_small(x, kernel, strides, padding, named):
        patches = partial(by_patches, strides=strides, padding=padding)
        return jax.lax.platform_dependent(x, kernel, cpu=patches, default=plain)
    return plain(x, kernel)


def by_patches(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding
) -> jax.Array:
    """Computes a convolution as the product of what each pixel of the result sees with the kernel.

    >>> by_patches(jnp.ones((1, 3, 3, 2)), jnp.ones((3, 3, 2, 4)), (1, 1), ((0, 0), (0, 0))).shape
    (1, 1, 1, 4)
    """
    height, width = _size(x, kernel, strides, padding)
    # Computed once; otherwise XLA computes what gives x anew for each pixel of the kernel.
    padded = jax.lax.optimization_barrier(jnp.pad(x, ((0, 0), *padding, (0, 0))))
    seen = [
        padded[
            :,
            i : i + (height - 1) * strides[0] + 1 : strides[0],
            j : j + (width - 1) * strides[1] + 1 : strides[1],
        ]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    ]
    return jnp.concatenate(seen, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def _size(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], padding: Padding
) -> tuple[int, int]:
    height, width = (
        (size + sum(pads) - side) // stride + 1
        for size, pads, side, stride in zip(
            x.shape[1:3], padding, kernel.shape[:2], strides, strict=True
        )
    )
    return height, width


def _is_small(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Padding,
    options: dict[str, Any],
) -> bool:
    dilations = [*(options.get("lhs_dilation") or ()), *(options.get("rhs_dilation") or ())]
    ordinary = options.get("feature_group_count", 1) == 1 and set(dilations) <= {1}
    if kernel.ndim != 4 or isinstance(padding, str) or not ordinary:
        return False
    height, width = _size(x, kernel, strides, padding)
    return height * width <= LARGEST
