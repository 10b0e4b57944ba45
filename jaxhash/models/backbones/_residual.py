"""Shared by the residual networks: the bottleneck block, and the shortcut of a block."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax


class Names(NamedTuple):
    """Names of a block's layers, under which a checkpoint keeps their weights.

    norm: prefix of the batch normalisations on the main path. project, project_norm: of the
    shortcut's 1x1 convolution and its normalisation.
    """

    norm: str
    project: str
    project_norm: str


def bottleneck(
    x: jax.Array,
    channels: int,
    stride: int,
    *,
    expansion: int,
    pointwise: Callable,
    middle: Callable,
    norm: Callable,
    names: Names,
) -> jax.Array:
    """Applies a 1x1, a 3x3 and a 1x1 convolution, each normalised, and adds the shortcut.

    Called in the compact method of a module; the layers become its submodules.

    Args:
      x: [b h w c].
      channels: of the first two convolutions.
      stride: of the 3x3 convolution.
      expansion: the last convolution has this many times the channels.
      pointwise: constructor of a 1x1 convolution, (channels, name=...) -> module.
      middle: the 3x3 convolution with its stride, a module named conv2.
      norm: constructor of batch normalisation, (name=...) -> module.
      names: of the layers.

    Returns:
      [b h/stride w/stride expansion*channels].
    """
    y = pointwise(channels, name="conv1")(x)
    y = nn.relu(norm(name=f"{names.norm}1")(y))
    y = middle(y)
    y = nn.relu(norm(name=f"{names.norm}2")(y))
    y = pointwise(expansion * channels, name="conv3")(y)
    y = norm(name=f"{names.norm}3")(y)
    return nn.relu(shortcut(x, y, stride, norm, names) + y)


def shortcut(x: jax.Array, y: jax.Array, stride: int, norm: Callable, names: Names) -> jax.Array:
    """Returns a block's input x in the shape of its result y, projected where they differ."""
    if x.shape == y.shape:
        return x
    # A 1x1 convolution with a stride is a matrix product on every second pixel.
    project = nn.Dense(y.shape[-1], use_bias=False, dtype=y.dtype, name=names.project)
    return norm(name=names.project_norm)(project(x[:, ::stride, ::stride]))
