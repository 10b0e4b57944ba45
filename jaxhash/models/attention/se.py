"""Squeeze and excitation (SE; Hu et al., CVPR 2018): a gate a channel from the channels' means."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models.attention import show, strength


def gate(means: jax.Array, squeeze: jax.Array, excite: jax.Array) -> jax.Array:
    """Computes sigmoid(relu(means squeeze) excite), SE equation 3 without biases.

    Args:
      means: [b c] of each channel over the map.
      squeeze: [c d]. excite: [d c].

    Returns:
      [b c] in (0, 1).

    >>> import jax.numpy as jnp
    >>> print(gate(jnp.zeros((1, 4)), jnp.ones((4, 2)), jnp.ones((2, 4))))
    [[0.5 0.5 0.5 0.5]]
    """
    hidden = jax.nn.relu(jnp.einsum("bc,cd->bd", means, squeeze))
    return jax.nn.sigmoid(jnp.einsum("bd,dc->bc", hidden, excite))


class SqueezeExcitation(nn.Module):
    """The weights of the gate; `reduction` is channels divided by hidden units."""

    reduction: int = 16

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        channels = x.shape[3]
        few = max(1, channels // self.reduction)
        initial = nn.initializers.lecun_normal()
        squeeze = self.param("squeeze", initial, (channels, few))
        excite = self.param("excite", initial, (few, channels))
        means = x.astype(jnp.float32).mean(axis=(1, 2))
        x = x * gate(means, squeeze, excite)[:, None, None, :].astype(x.dtype)
        show(self, strength(x))
        return x


def build(reduction: int = 16, dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns the module; raises UserError on a reduction below 1."""
    del dtype  # the gate follows the map
    if reduction < 1:
        raise UserError(f"model.attention.se.reduction={reduction}: expected at least 1")
    return SqueezeExcitation(reduction)
