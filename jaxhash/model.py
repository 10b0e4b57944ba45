"""The network: backbone, attention at its nodes, average pool, hash layer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash import backbones, parallel, registry
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
      hash_norm: whether each bit's output is normalised over the batch and multiplied by a learnt
        scale (batch normalisation without an offset). No paper has it. Pretrained features do not
        need it; from random weights all images begin with nearly the same output, most pairs are
        dissimilar, and a pairwise loss drives that output to 0 and stays there for hundreds of
        steps. The scale begins at .3: at 1, the chance products of unrelated codes are so large
        that the likelihood of ignorance, log 2, was not reached in two thousand steps.
    """

    backbone: nn.Module
    attention: Mapping[str, nn.Module]
    bits: int
    hash_norm: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> Outputs:
        """Computes u = W^T pool(attention(backbone(x))) + b, DHIDA equation 14.

        W and b start from a Gaussian (algorithm 1 of DHIDA; the deviation of .01 is that of the
        public implementations, the paper names none).
        """

        def at_node(node: str, x: jax.Array) -> jax.Array:
            return self.attention[node](x, train) if node in self.attention else x

        features = self.backbone(images.astype(self.dtype), train, at_node)
        pooled = features.mean(axis=(1, 2)).astype(jnp.float32)
        gaussian = nn.initializers.normal(0.01)
        u = nn.Dense(self.bits, kernel_init=gaussian, bias_init=gaussian, name="hash")(pooled)
        if self.hash_norm:
            norm = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                use_bias=False,
                scale_init=nn.initializers.constant(0.3),
                axis_name=parallel.AXIS if train else None,
                name="hash_norm",
            )
            u = norm(u)
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
    return HashModel(backbone, attention, config.bits, config.hash_norm, dtype)
