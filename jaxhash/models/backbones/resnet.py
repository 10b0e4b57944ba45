"""Residual networks as torchvision defines them (He et al., 2016)."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import convolution, pointwise
from jaxhash.models.backbones._residual import Names, bottleneck, shortcut
from jaxhash.models.backbones._torch_names import torch_name
from jaxhash.models.normalization import batch_norm

STEMS = ("7x7", "3x3")
_he = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_convolution = partial(
    nn.Conv,
    kernel_size=(3, 3),
    padding=1,
    use_bias=False,
    kernel_init=_he,
    conv_general_dilated=convolution.conv_general_dilated,
)
# A 1x1 convolution is a matrix product on pixels; XLA is faster at it than at a convolution.
_pointwise = partial(nn.Dense, use_bias=False, kernel_init=_he, dot_general=pointwise.dot_general)
_NAMES = Names(norm="bn", project="downsample_0", project_norm="downsample_1")  # torchvision's


class Block(nn.Module):
    """A residual block.

    Attributes:
      channels: of its 3x3 convolutions.
      stride: of height and width.
      norm: constructor of batch normalisation, (name=...) -> module.
    """

    channels: int
    stride: int
    norm: Callable
    dtype: jnp.dtype


class BasicBlock(Block):
    """Two 3x3 convolutions and a shortcut."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/stride w/stride channels]."""
        own = partial(_convolution, self.channels, dtype=self.dtype)
        y = own(strides=self.stride, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = own(name="conv2")(y)
        y = self.norm(name="bn2")(y)
        return nn.relu(shortcut(x, y, self.stride, self.norm, _NAMES) + y)


class Bottleneck(Block):
    """A 1x1, a 3x3 and a 1x1 convolution to four times the channels, and a shortcut.

    The stride is that of the 3x3 convolution, as in torchvision; the paper gives it to the first.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/stride w/stride 4*channels]."""
        return bottleneck(
            x,
            self.channels,
            self.stride,
            expansion=4,
            pointwise=partial(_pointwise, dtype=self.dtype),
            middle=_convolution(self.channels, strides=self.stride, dtype=self.dtype, name="conv2"),
            norm=self.norm,
            names=_NAMES,
        )


# The block, and how many there are in each stage.
VARIANTS = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """Four stages of residual blocks; the last map leaves without pooling.

    In training, batch statistics are averaged over the replicas.

    Attributes:
      block: the kind of block.
      blocks: how many in each stage.
      stem: `"7x7"` with stride 2 (224 px) or `"3x3"` with stride 1 (small images).
      stem_pool: whether the stem ends in a 3x3 max pooling of stride 2.
      strides: of each stage.
      width: channels of the 3x3 convolutions of the first stage, doubled by each further one.
    """

    block: type[nn.Module]
    blocks: Sequence[int]
    stem: str = "7x7"
    stem_pool: bool = True
    strides: Sequence[int] = (1, 2, 2, 2)
    width: int = 64
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to a feature map [b h' w' c].

        c is 8*width, and 32*width of Bottleneck.
        """
        first = partial(_convolution, self.width, dtype=self.dtype)
        norm = batch_norm(train, self.dtype)
        if self.stem == "7x7":
            stem = first(kernel_size=(7, 7), strides=2, padding=3, name="conv1")
        else:
            stem = first(name="conv1")
        x = nn.relu(norm(name="bn1")(stem(x)))
        if self.stem_pool:
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, (count, stride) in enumerate(zip(self.blocks, self.strides, strict=True)):
            for block in range(count):
                x = self.block(
                    self.width * 2**stage,
                    stride if block == 0 else 1,
                    norm,
                    self.dtype,
                    name=f"layer{stage + 1}_{block}",
                )(x)
            x = at_node(f"stage{stage + 1}", x)
        return x


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after each stage."""
    return tuple(f"stage{stage + 1}" for stage in range(len(VARIANTS[name][1])))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as torchvision and timm do.

    >>> torch_names(("layer2_0", "downsample_1", "mean"))
    ('layer2.0.downsample.1.running_mean',)
    """
    *modules, leaf = path
    return (torch_name((module.replace("_", ".") for module in modules), leaf),)


def build(
    name: str,
    stem: str = "7x7",
    stem_pool: bool = True,
    strides: Sequence[int] = (1, 2, 2, 2),
    width: int = 64,
    dtype: jnp.dtype = jnp.float32,
) -> nn.Module:
    """Returns the named network; raises UserError on an unknown stem, stride or width.

    >>> build("resnet18", stem="3x3").blocks
    (2, 2, 2, 2)
    """
    if stem not in STEMS:
        raise UserError(f"stem {stem!r}: expected one of {', '.join(STEMS)}")
    if len(strides) != 4 or not all(stride in (1, 2) for stride in strides):
        raise UserError(f"strides {tuple(strides)}: expected four numbers, each 1 or 2")
    if width < 1:
        raise UserError(f"model.backbone.resnet.width={width}: expected at least 1")
    return ResNet(*VARIANTS[name], stem, stem_pool, tuple(strides), width, dtype)
