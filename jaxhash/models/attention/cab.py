"""Channel attention block (CAB) of the hybrid attention transformer (HAT; Chen et al., CVPR 2023).

HRMPA names a channel attention block inside its window attention; HAT's is the block of that name.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models.attention import show, strength
from jaxhash.models.convolution import conv_general_dilated


class ChannelAttentionBlock(nn.Module):
    """Two 3x3 convolutions through a narrow middle, then a gate a channel; added to the map.

        out = x + scale * gate(y) * y,   y = conv(gelu(conv(x)))
        gate(y) = sigmoid(excite(relu(squeeze(mean of y over positions))))

    Attributes:
      compress: channels of the map divided by those between the convolutions.
      squeeze: channels of the map divided by those of the gate's hidden layer.
      scale: of what is added; a small one leaves pretrained features as they are.
    """

    compress: int = 3
    squeeze: int = 30
    scale: float = 0.01
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        channels = x.shape[3]
        convolution = partial(
            nn.Conv,
            kernel_size=(3, 3),
            padding=1,
            dtype=self.dtype,
            conv_general_dilated=conv_general_dilated,
        )
        y = convolution(max(1, channels // self.compress), name="compress")(x)
        # PyTorch's GELU is the exact one.
        y = convolution(channels, name="expand")(nn.gelu(y, approximate=False))
        means = y.mean(axis=(1, 2))
        few = nn.Dense(max(1, channels // self.squeeze), dtype=self.dtype, name="squeeze_gate")
        gate = nn.Dense(channels, dtype=self.dtype, name="excite_gate")(nn.relu(few(means)))
        y = y * jax.nn.sigmoid(gate)[:, None, None, :]
        show(self, strength(y))
        return x + self.scale * y


def build(
    compress: int = 3, squeeze: int = 30, scale: float = 0.01, dtype: jnp.dtype = jnp.float32
) -> nn.Module:
    """Returns the module; raises UserError on `compress` or `squeeze` below 1."""
    if min(compress, squeeze) < 1:
        raise UserError("model.attention.cab: compress and squeeze are expected to be at least 1")
    return ChannelAttentionBlock(compress, squeeze, scale, dtype)
