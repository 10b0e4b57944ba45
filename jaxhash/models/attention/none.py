"""No attention: the baseline of ablations."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class NoAttention(nn.Module):
    """The identity."""

    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to itself."""
        return x


def build(dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns a module without weights."""
    return NoAttention()
