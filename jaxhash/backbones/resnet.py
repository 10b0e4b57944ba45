"""Residual networks as torchvision defines them (He et al., 2016)."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.layers import batch_norm

VARIANTS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
STEMS = ("7x7", "3x3")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, projected where the shape changes."""

    channels: int
    stride: int
    convolution: Callable
    norm: Callable

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/stride w/stride channels]."""
        y = self.convolution(self.channels, strides=self.stride, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.convolution(self.channels, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if x.shape != y.shape:
            # A 1x1 convolution with a stride is a matrix product on the pixels that it keeps.
            project = nn.Dense(self.channels, use_bias=False, dtype=y.dtype, name="downsample_0")
            x = self.norm(name="downsample_1")(project(x[:, :: self.stride, :: self.stride]))
        return nn.relu(x + y)


class ResNet(nn.Module):
    """Four stages of residual blocks; the last map leaves without pooling.

    In training, batch statistics are averaged over the replicas.

    Attributes:
      blocks: blocks in each stage.
      stem: `"7x7"` with stride 2 (224 px) or `"3x3"` with stride 1 (small images).
      stem_pool: whether the stem ends in a 3x3 max pooling of stride 2.
      strides: of each stage.
      width: channels of the first stage, doubled by each further one.
    """

    blocks: Sequence[int]
    stem: str = "7x7"
    stem_pool: bool = True
    strides: Sequence[int] = (1, 2, 2, 2)
    width: int = 64
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to a feature map [b h' w' 8*width]."""
        he = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        convolution = partial(
            nn.Conv,
            kernel_size=(3, 3),
            padding=1,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=he,
        )
        norm = batch_norm(train, self.dtype)
        if self.stem == "7x7":
            stem = convolution(self.width, kernel_size=(7, 7), strides=2, padding=3, name="conv1")
        else:
            stem = convolution(self.width, name="conv1")
        x = nn.relu(norm(name="bn1")(stem(x)))
        if self.stem_pool:
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, (count, stride) in enumerate(zip(self.blocks, self.strides, strict=True)):
            for block in range(count):
                x = BasicBlock(
                    self.width * 2**stage,
                    stride if block == 0 else 1,
                    convolution,
                    norm,
                    name=f"layer{stage + 1}_{block}",
                )(x)
            x = at_node(f"stage{stage + 1}", x)
        return x


def nodes(name: str) -> tuple[str, ...]:
    """Lists the places where attention can stand: behind each stage."""
    return tuple(f"stage{stage + 1}" for stage in range(len(VARIANTS[name])))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as torchvision and timm do.

    >>> torch_names(("layer2_0", "downsample_1", "mean"))
    ('layer2.0.downsample.1.running_mean',)
    """
    leaf = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    *modules, last = path
    return (".".join([*(m.replace("_", ".") for m in modules), leaf.get(last, last)]),)


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
    return ResNet(VARIANTS[name], stem, stem_pool, tuple(strides), width, dtype)
