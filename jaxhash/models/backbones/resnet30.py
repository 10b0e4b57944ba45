"""ResNet30: DAH's reduction of ResNet50 to three stages, with depthwise separable convolutions."""

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import convolution, pointwise
from jaxhash.models.backbones._residual import Names, bottleneck
from jaxhash.models.depthwise import depthwise
from jaxhash.models.normalization import batch_norm

VARIANTS = {"resnet30": (3, 3, 3)}
_NAMES = Names(norm="norm", project="project", project_norm="norm_project")
_pointwise = partial(nn.Dense, dot_general=pointwise.dot_general)


class SeparableConvolution(nn.Module):
    """A depthwise 3x3 convolution, then a 1x1 convolution over channels."""

    stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [b h w c] to [b h/stride w/stride c]."""
        channels = x.shape[3]
        he = nn.initializers.variance_scaling(2.0, "fan_out", "normal", in_axis=(), out_axis=(0, 1))
        kernel = self.param("depthwise", he, (3, 3, channels))
        x = depthwise(x, kernel.astype(self.dtype), self.stride, ((1, 1), (1, 1)))
        return _pointwise(channels, use_bias=False, dtype=self.dtype, name="pointwise")(x)


class Bottleneck(nn.Module):
    """1x1, separable 3x3, 1x1, and a shortcut, projected where the shape changes."""

    channels: int
    stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h/stride w/stride 4*channels]."""
        return bottleneck(
            x,
            self.channels,
            self.stride,
            expansion=4,
            pointwise=partial(_pointwise, use_bias=False, dtype=self.dtype),
            middle=SeparableConvolution(self.stride, self.dtype, name="conv2"),
            norm=batch_norm(train, self.dtype),
            names=_NAMES,
        )


class ResNet30(nn.Module):
    """A 3x3 stem and three stages of three bottlenecks, for small images (DAH, table 1).

    With the hash layer and the classifier these are 1 + 27 + 1 + 1 = 30 layers with weights. The
    text at hand lacks the table; of the divisions that give thirty layers, three blocks a stage
    come nearest to the paper's 87.48 % fewer parameters.

    Attributes:
      blocks: bottlenecks in each stage; the second and later stages halve the map.
      width: channels of the stem and of the first stage's middles, doubled by each further stage.
      stem_stride: 1 in the paper; 2 quarters the work.
    """

    blocks: Sequence[int]
    width: int
    stem_stride: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to a feature map [b h/4 w/4 16*width], or half of that."""
        he = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        stem = nn.Conv(
            self.width,
            (3, 3),
            self.stem_stride,
            padding=1,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=he,
            conv_general_dilated=convolution.conv_general_dilated,
            name="stem",
        )
        x = nn.relu(batch_norm(train, self.dtype)(name="norm")(stem(x)))
        for stage, count in enumerate(self.blocks):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                name = f"stage{stage + 1}_{block}"
                x = Bottleneck(self.width * 2**stage, stride, self.dtype, name=name)(x, train)
            x = at_node(f"stage{stage + 1}", x)
        return x


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after each stage."""
    return tuple(f"stage{stage + 1}" for stage in range(len(VARIANTS[name])))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Raises UserError: there are no published weights of this network."""
    raise UserError("model.weights: there are none for resnet30; use model.weights=none")


def build(
    name: str, width: int = 64, stem_stride: int = 1, dtype: jnp.dtype = jnp.float32
) -> nn.Module:
    """Returns the network; raises UserError on a width below 1, or another stride than 1 or 2.

    >>> build("resnet30").blocks
    (3, 3, 3)
    """
    if width < 1:
        raise UserError(f"model.backbone.resnet30.width={width}: expected at least 1")
    if stem_stride not in (1, 2):
        raise UserError(f"model.backbone.resnet30.stem_stride={stem_stride}: expected 1 or 2")
    return ResNet30(VARIANTS[name], width, stem_stride, dtype)
