"""AlexNet as torchvision defines it (Krizhevsky, 2014: one column, no response normalisation)."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import convolution
from jaxhash.models.backbones._connected import ConnectedLayers, check, convolution_init, max_pool
from jaxhash.models.backbones._torch_names import torch_name

VARIANTS = {"alexnet": (1, 3, 6, 4, 4)}  # channels of the convolutions, in those of the first
STEMS = {"11x11": (11, 4, 2), "3x3": (3, 1, 1)}  # side of the first kernel, stride, padding
OTHERS = ((5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
POOLED = (1, 2, 5)  # the convolutions that a max pooling follows
TORCH_MODULES = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc1": "classifier.1",
    "fc2": "classifier.4",
}


class AlexNet(nn.Module):
    """Five convolutions, three of them pooled, and two connected layers.

    Attributes:
      multiples: channels of each convolution, divided by width.
      stem: `"11x11"` with stride 4 (224 px), or `"3x3"` with stride 1 (small images).
      width: channels of the first convolution.
      hidden: channels of the connected layers; 0 leaves them out.
      dropout: before each connected layer.
      pool: height and width that the map is averaged to before the connected layers.
    """

    multiples: Sequence[int]
    stem: str = "11x11"
    width: int = 64
    hidden: int = 4096
    dropout: float = 0.5
    pool: int = 6
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to features [b hidden], or without them to [b h' w' 4*width].

        Raises UserError on images that are too small for the poolings.
        """
        layer = partial(
            nn.Conv,
            dtype=self.dtype,
            kernel_init=convolution_init,
            conv_general_dilated=convolution.conv_general_dilated,
        )
        kernels = (STEMS[self.stem], *OTHERS)
        for i, (multiple, kernel) in enumerate(zip(self.multiples, kernels, strict=True), start=1):
            side, stride, padding = kernel
            channels = multiple * self.width
            name = f"conv{i}"
            x = layer(channels, (side, side), stride, padding=padding, name=name)(x)
            x = nn.relu(x)
            if i in POOLED:
                x = max_pool(x, 3)
            x = at_node(f"stage{i}", x)
        connected = ConnectedLayers(
            self.hidden, self.pool, self.dropout, True, self.dtype, name="connected"
        )
        return connected(x, train)


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after each convolution and its pooling."""
    return tuple(f"stage{i}" for i in range(1, 1 + len(VARIANTS[name])))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as torchvision does.

    >>> torch_names(("conv2", "kernel")), torch_names(("connected", "fc1", "bias"))
    (('features.3.weight',), ('classifier.1.bias',))
    """
    *_, module, leaf = path
    return (torch_name([TORCH_MODULES[module]], leaf),)


def build(
    name: str,
    stem: str = "11x11",
    width: int = 64,
    hidden: int = 4096,
    dropout: float = 0.5,
    pool: int = 6,
    dtype: jnp.dtype = jnp.float32,
) -> nn.Module:
    """Returns the network; raises UserError on an option that it cannot have.

    `hidden=0` leaves out the connected layers: the last map is what it returns.

    >>> build("alexnet", stem="3x3", hidden=0).stem
    '3x3'
    """
    if stem not in STEMS:
        raise UserError(f"model.backbone.alexnet.stem={stem}: expected one of {', '.join(STEMS)}")
    check("alexnet", width, hidden, dropout, pool)
    return AlexNet(VARIANTS[name], stem, width, hidden, dropout, pool, dtype)
