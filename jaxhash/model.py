"""The network: backbone, attention at its nodes, average pool, hash layer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash import backbones, registry
from jaxhash.errors import UserError


class Outputs(NamedTuple):
    """What the network says of a batch: `u` [b k], the real outputs of the hash layer."""

    u: jax.Array


class HashModel(nn.Module):
    """Maps normalised images [b h w c] to `Outputs`.

    Attributes:
      backbone: a module of `jaxhash.backbones`.
      attention: node of the backbone to the module of `jaxhash.attention` that stands there.
      bits: k, the length of the code.
      hash_std: deviation of the Gaussian from which the hash layer starts. The papers name none;
        .01 is that of public implementations, on pretrained features. On a random backbone it
        leaves all outputs nearly equal, and a pairwise loss then splits the images into two codes,
        later into four, and so on, each split taking hundreds of steps; .05 avoids that.
    """

    backbone: nn.Module
    attention: Mapping[str, nn.Module]
    bits: int
    hash_std: float = 0.01
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> Outputs:
        """Computes u = W^T pool(attention(backbone(x))) + b, DHIDA equation 14.

        W and b start from a Gaussian, algorithm 1 of DHIDA.
        """

        def at_node(node: str, x: jax.Array) -> jax.Array:
            return self.attention[node](x) if node in self.attention else x

        features = self.backbone(images.astype(self.dtype), train, at_node)
        pooled = features.mean(axis=(1, 2)).astype(jnp.float32)
        gaussian = nn.initializers.normal(self.hash_std)
        u = nn.Dense(self.bits, kernel_init=gaussian, bias_init=gaussian, name="hash")(pooled)
        return Outputs(u)


def build(config: Any) -> HashModel:
    """Builds the network that `config.model` names.

    Args:
      config: with `backbone` and `attention` (each a `name`, and options under that name), `nodes`
        where attention stands, `bits`, `dtype`.

    Raises:
      UserError: an unknown backbone or attention, or a node that the backbone does not have.
    """
    dtype = jnp.dtype(config.dtype)
    name = config.backbone.name
    family = backbones.family(name)
    options = registry.options(config.backbone, family)
    backbone = family.build(name, **options, dtype=dtype)
    mechanism = registry.find("jaxhash.attention", config.attention.name)
    options = registry.options(config.attention, mechanism)
    for node in config.attention.nodes:
        if node not in family.NODES:
            offers = ", ".join(family.NODES)
            raise UserError(f"model.attention.nodes has {node!r}: {name} offers {offers}")
    attention = {node: mechanism.build(**options, dtype=dtype) for node in config.attention.nodes}
    return HashModel(backbone, attention, config.bits, config.hash_std, dtype)
