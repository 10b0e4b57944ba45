"""Attention, one mechanism a file.

A file has `build(..., dtype) -> Linen module`, called as (map [b h w c], train) and returning a map
of the same shape; its options, with their defaults, stand in a config under the file's name, as
`model.attention.ida.reduce_axis`. While it works, a module shows where it looks, by `show`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

MAPS = "maps"  # the collection of variables that holds what is shown


def show(module: nn.Module, weights: jax.Array) -> None:
    """Keeps weights [b h w] for `jaxhash.encoders.attention_maps`; costs nothing elsewhere.

    Args:
      module: the attention that looks.
      weights: how much each position counts; larger is more.
    """
    if not module.is_initializing():
        module.sow(MAPS, "map", weights.astype(jnp.float32))


def strength(x: jax.Array) -> jax.Array:
    """Returns the mean of |x| over channels: where a gate over channels lets something through.

    Args:
      x: [b h w c], channels already weighed.

    Returns:
      [b h w].

    >>> print(strength(jnp.array([[[[1.0, -3.0], [0.0, 0.0]]]])))
    [[[2. 0.]]]
    """
    return jnp.abs(x).mean(axis=-1)
