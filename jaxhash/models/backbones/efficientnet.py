"""EfficientNet-Lite (Tan and Le, ICML 2019; Liu, 2020): no squeeze-and-excitation, ReLU6."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import pointwise
from jaxhash.models.depthwise import DepthwiseConvolution
from jaxhash.models.layers import Dropout
from jaxhash.models.normalization import batch_norm


class Stage(NamedTuple):
    """Blocks of one shape: their number, kernel, stride of the first, expansion, channels."""

    blocks: int
    side: int
    stride: int
    expansion: int
    channels: int


# EfficientNet-B0, table 1 of the paper, which the variants make wider and deeper.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280  # channels, the same in all Lite variants
# Width and depth of each variant, in those of B0.
VARIANTS = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
_he = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_pointwise = partial(nn.Dense, use_bias=False, kernel_init=_he, dot_general=pointwise.dot_general)


class InvertedBottleneck(nn.Module):
    """A 1x1 convolution that expands, a depthwise one, and a 1x1 convolution that projects.

    With a shortcut where the shape stays; `drop` is how often stochastic depth drops the rest.
    """

    side: int
    stride: int
    expansion: int
    channels: int
    drop: float
    norm: Callable
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b ceil(h/stride) ceil(w/stride) channels]."""
        y, wide = x, self.expansion * x.shape[3]
        if self.expansion > 1:
            y = _pointwise(wide, dtype=self.dtype, name="expand_conv")(y)
            y = nn.relu6(self.norm(name="bn0")(y))
        y = DepthwiseConvolution(self.side, self.stride, self.dtype, name="depthwise_conv")(y)
        y = nn.relu6(self.norm(name="bn1")(y))
        y = _pointwise(self.channels, dtype=self.dtype, name="project_conv")(y)
        y = self.norm(name="bn2")(y)
        if x.shape == y.shape:
            y = x + Dropout(self.drop, whole=True)(y, train)
        return y


class EfficientNet(nn.Module):
    """A stem of stride 2, the blocks of seven stages, and a 1x1 convolution to 1,280 channels.

    In training, batch statistics are averaged over the replicas.

    Attributes:
      stages: as in `STAGES`.
      drop_path: how often stochastic depth drops the last block; rises to it linearly from 0.
    """

    stages: Sequence[Stage]
    drop_path: float
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to a feature map [b ceil(h/32) ceil(w/32) 1280]."""
        norm = partial(batch_norm(train, self.dtype, momentum=0.99), epsilon=1e-3)
        stem = nn.Conv(
            STEM, (3, 3), 2, use_bias=False, dtype=self.dtype, kernel_init=_he, name="conv_stem"
        )
        x = nn.relu6(norm(name="bn0")(stem(x)))
        total, number = sum(stage.blocks for stage in self.stages), 0
        for stage in self.stages:
            for block in range(stage.blocks):
                x = InvertedBottleneck(
                    stage.side,
                    stage.stride if block == 0 else 1,
                    stage.expansion,
                    stage.channels,
                    self.drop_path * number / total,
                    norm,
                    self.dtype,
                    name=f"blocks_{number}",
                )(x, train)
                number += 1
                x = at_node(f"block{number}", x)
        x = _pointwise(HEAD, dtype=self.dtype, name="conv_head")(x)
        return at_node("head", nn.relu6(norm(name="bn1")(x)))


def stages(name: str) -> tuple[Stage, ...]:
    """Returns the stages of a variant: wider and deeper than B0, but for the ends.

    >>> [stage.blocks for stage in stages("efficientnet_lite2")]
    [1, 3, 3, 4, 4, 5, 1]
    """
    width, depth = VARIANTS[name]
    last = len(STAGES) - 1
    return tuple(
        stage._replace(
            blocks=stage.blocks if number in (0, last) else -int(-stage.blocks * depth // 1),
            channels=_rounded(stage.channels * width),
        )
        for number, stage in enumerate(STAGES)
    )


def nodes(name: str) -> tuple[str, ...]:
    """Lists the places where attention can stand: behind each block, and behind the head.

    >>> nodes("efficientnet_lite0")[-2:]
    ('block16', 'head')
    """
    blocks = sum(stage.blocks for stage in stages(name))
    return (*(f"block{number + 1}" for number in range(blocks)), "head")


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as the PyTorch port of the published weights does.

    >>> torch_names(("blocks_3", "bn1", "mean"))
    ('_blocks.3._bn1.running_mean',)
    """
    leaf = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    *modules, last = path
    parts = [f"_{module.replace('blocks_', 'blocks.')}" for module in modules]
    return (".".join([*parts, leaf.get(last, last)]),)


def build(name: str, drop_path: float = 0.2, dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns the named network; raises UserError on a share that cannot be dropped.

    The weights on ImageNet were trained with pixels (x - 127) / 128, at 224, 240 and 260 px.

    >>> len(build("efficientnet_lite0").stages)
    7
    """
    if not 0 <= drop_path < 1:
        raise UserError(
            f"model.backbone.efficientnet.drop_path={drop_path}: expected at least 0 and below 1"
        )
    return EfficientNet(stages(name), drop_path, dtype)


def _rounded(channels: float) -> int:
    """Rounds to a multiple of 8, by no more than a tenth down."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
