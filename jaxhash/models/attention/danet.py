"""Dual attention (DANet; Fu et al., CVPR 2019), the ablation row D of DHIDA."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from jaxhash.errors import UserError
from jaxhash.models.attention import _channels, show
from jaxhash.models.layers import largest


def position_weights(query: jax.Array, key: jax.Array) -> jax.Array:
    """Returns softmax_i(<query[j], key[i]>), DANet equation 1.

    There is no division by the root of the number of channels.

    Args:
      query, key: [... n d].

    Returns:
      [... i j], summing to 1 over i.

    >>> import jax.numpy as jnp
    >>> print(position_weights(jnp.zeros((2, 1)), jnp.zeros((2, 1))))
    [[0.5 0.5]
     [0.5 0.5]]
    """
    return jax.nn.softmax(jnp.einsum("...id,...jd->...ij", key, query), axis=-2)


def position_attention(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """Sums values over positions, weighted by softmax of the inner products of query and key.

        out[j] = sum_i softmax_i(<query[j], key[i]>) value[i]

    DANet equations 1 and 2, without the scale and without the input.

    Args:
      query, key: [... n d]. value: [... n c].

    Returns:
      [... n c].

    >>> import jax.numpy as jnp
    >>> x = jnp.ones((2, 9, 4))
    >>> bool(jnp.allclose(position_attention(x, x, x), 1.0))
    True
    """
    return jnp.einsum("...ij,...ic->...jc", position_weights(query, key), value)


def channel_attention(a: jax.Array) -> jax.Array:
    """Sums maps over channels, weighted by softmax of max(energy) - energy, energy = A A^T.

    DANet equations 3 and 4 as its published code has them: subtracting from the largest energy of
    a channel turns the order round, so that unlike channels weigh more (the paper prints the plain
    softmax).

    Args:
      a: [... n c].

    Returns:
      [... n c].

    >>> import jax.numpy as jnp
    >>> bool(jnp.allclose(channel_attention(jnp.ones((2, 9, 4))), 1.0))
    True
    """

    def weighed(a: jax.Array) -> jax.Array:
        energy = jnp.einsum("...ni,...nj->...ij", a, a)
        weights = jax.nn.softmax(largest(energy, -2, keepdims=True) - energy, axis=-2)
        return jnp.einsum("...ij,...ni->...nj", weights, a)

    return _channels.attend(weighed, a)


class DualAttention(nn.Module):
    """The weights of DANet's two modules; their outputs are added.

    Attributes:
      reduction: channels of the map divided by those of query and key.
    """

    reduction: int = 8
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        height, channels = x.shape[1], x.shape[3]
        flat = rearrange(x, "b h w c -> b (h w) c")
        few = max(1, channels // self.reduction)
        query = nn.Dense(few, dtype=self.dtype, name="query")(flat)
        key = nn.Dense(few, dtype=self.dtype, name="key")(flat)
        value = nn.Dense(channels, dtype=self.dtype, name="value")(flat)
        # Energies grow with the number of channels; bfloat16 would round them by whole units.
        query, key, value, maps = (z.astype(jnp.float32) for z in (query, key, value, flat))
        looked_at = position_weights(query, key).mean(axis=-1)
        show(self, rearrange(looked_at, "b (h w) -> b h w", h=height))
        position = self.param("position_scale", nn.initializers.zeros, ())
        channel = self.param("channel_scale", nn.initializers.zeros, ())
        out = position * position_attention(query, key, value)
        out += channel * channel_attention(maps) + 2 * maps
        return rearrange(out.astype(self.dtype), "b (h w) c -> b h w c", h=height)


def build(reduction: int = 8, dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns the module; raises UserError on a reduction below 1."""
    if reduction < 1:
        raise UserError(f"model.attention.danet.reduction={reduction}: expected at least 1")
    return DualAttention(reduction, dtype)
