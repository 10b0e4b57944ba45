"""The hash layer alone, without a classifier."""

import flax.linen as nn
import jax

from jaxhash.models.heads import HashLayer, Outputs


class LinearHead(nn.Module):
    """The hash layer; see `HashLayer` for the attributes."""

    bits: int
    norm: bool

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k]."""
        return Outputs(HashLayer(self.bits, self.norm, name="hash")(features, train))


def build(bits: int, labels: int, norm: bool) -> nn.Module:
    """Returns the module; the number of labels is unused."""
    del labels
    return LinearHead(bits, norm)
