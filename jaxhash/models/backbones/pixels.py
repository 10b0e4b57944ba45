"""No network: the pixels themselves, for shallow methods."""

import flax.linen as nn
import jax
import jax.numpy as jnp

VARIANTS = ("pixels",)


class Pixels(nn.Module):
    """Maps images to vectors of their pixels."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node) -> jax.Array:
        """Maps [b h w c] to [b h*w*c]."""
        del train
        x = at_node("image", x)
        return x.reshape(x.shape[0], -1)


def nodes(name: str) -> list[str]:
    """Lists the one node, the image."""
    del name
    return ["image"]


def build(name: str, dtype: jnp.dtype = jnp.float32) -> nn.Module:
    """Returns a module without weights."""
    del name, dtype
    return Pixels()


def torch_names(path: str) -> list[str]:
    """Lists no name: there are no weights to convert."""
    del path
    return []
