"""No attention: the ablation row that every other mechanism is compared with."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class NoAttention(nn.Module):
    """Returns the map as it came."""

    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to itself."""
        return x


def build(dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns a module without weights."""
    return NoAttention()
