"""A head as somebody may add one: logits are products with a prototype code of each label."""

import flax.linen as nn
import jax.numpy as jnp

from jaxhash.models.heads import HashLayer, Outputs


class PrototypeHead(nn.Module):
    """A hash layer, and a code for each label."""

    bits: int
    labels: int
    norm: bool

    @nn.compact
    def __call__(self, features, train):
        u = HashLayer(self.bits, self.norm, name="hash")(features, train)
        codes = self.param("prototypes", nn.initializers.normal(1), (self.labels, self.bits))
        return Outputs(u, jnp.einsum("bk,lk->bl", u, codes))


def build(bits, labels, norm):
    """Returns the module."""
    return PrototypeHead(bits, labels, norm)
