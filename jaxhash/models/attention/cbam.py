"""Convolutional block attention (CBAM; Woo et al., ECCV 2018), as DAH places it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models.attention import _gates as gates
from jaxhash.models.attention import show
from jaxhash.models.layers import largest
from jaxhash.models.normalization import batch_norm


def pool_positions(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the mean and the maximum of each channel: [b h w c] to twice [b c]."""
    positions = x.reshape(x.shape[0], -1, x.shape[3])
    return positions.mean(axis=1), largest(positions, 1)


def pool_channels(x: jax.Array) -> jax.Array:
    """Returns maximum and mean over channels, in this order: [b h w c] to [b h w 2].

    >>> import jax.numpy as jnp
    >>> print(pool_channels(jnp.array([[[[1.0, 3.0]]]])))
    [[[[3. 2.]]]]
    """
    return jnp.stack([largest(x, -1), x.mean(axis=-1)], axis=-1)


class BlockAttention(nn.Module):
    """A gate over channels, then a gate over positions.

    channel gate: sigmoid(MLP(mean) + MLP(max)), one MLP for both (CBAM equation 2).
    spatial gate: sigmoid(BN(conv 7x7 of [max; mean] over channels)), equation 3. The published code
    has the batch normalisation, the paper does not mention it.

    Attributes:
      reduction: channels of the map divided by those of the MLP's hidden layer.
      start: `"published"` draws the weights of both gates, which start at .5 or anywhere in (0, 1);
        `"one"` starts each at .982 (`_gates`), for pretrained layers that follow. The function is
        the same, and so are the names and shapes of weights.
    """

    reduction: int = 16
    start: str = "published"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        channels = x.shape[3]
        hidden = nn.Dense(max(1, channels // self.reduction), dtype=self.dtype, name="squeeze")
        initial = gates.dense(self.start, sums=2)
        out = nn.Dense(channels, dtype=self.dtype, name="excite", **initial)
        weight = sum(out(nn.relu(hidden(pooled))) for pooled in pool_positions(x))
        x = x * jax.nn.sigmoid(weight)[:, None, None, :]

        pooled = gates.convolution("spatial", self.dtype)(pool_channels(x))
        initial = gates.normalisation(self.start)
        norm = batch_norm(train, self.dtype, momentum=0.99)(name="norm", **initial)
        gate = jax.nn.sigmoid(norm(pooled))
        show(self, gate[..., 0])
        return x * gate


def build(
    reduction: int = 16, start: str = "published", dtype: jnp.dtype = jnp.float32
) -> nn.Module:
    """Returns the module; raises UserError on a reduction below 1 or an unknown start."""
    gates.check("model.attention.cbam.start", start)
    if reduction < 1:
        raise UserError(f"model.attention.cbam.reduction={reduction}: expected at least 1")
    return BlockAttention(reduction, start, dtype)
