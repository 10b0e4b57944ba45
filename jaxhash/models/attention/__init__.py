"""Attention, one mechanism a file.

A file has `build(..., dtype) -> Linen module`, called as (map [b h w c], train) and returning a map
of the same shape; its options, with their defaults, are in a config under the file's name, as
`model.attention.ida.reduce_axis`. A module records its attention map by `show`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

MAPS = "maps"  # the collection of variables that holds attention maps


def show(module: nn.Module, weights: jax.Array) -> None:
    """Records an attention map [b h w] for `jaxhash.encoders.attention_maps`.

    Args:
      module: the attention mechanism.
      weights: of each position; larger is more.
    """
    if not module.is_initializing():
        module.sow(MAPS, "map", weights.astype(jnp.float32))


def strength(x: jax.Array) -> jax.Array:
    """Returns the mean of |x| over channels: the attention map of a gate over channels.

    Args:
      x: [b h w c], after the gate.

    Returns:
      [b h w].

    >>> print(strength(jnp.array([[[[1.0, -3.0], [0.0, 0.0]]]])))
    [[[2. 0.]]]
    """
    return jnp.abs(x).mean(axis=-1)
