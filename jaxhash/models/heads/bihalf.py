"""A hash layer and a classifier of codes that are half +1 and half -1 in a batch."""

import flax.linen as nn
import jax

from jaxhash.distributed import devices
from jaxhash.models import quantizers
from jaxhash.models.heads import HashLayer, Outputs


class BiHalfHead(nn.Module):
    """Classifies images by logits = W b, b of `quantizers.half_and_half` over the global batch.

    Out of training b = sign(u), and u is not moved by a median: as in the paper, bits are u >= 0.

    Attributes:
      bits, norm: see `HashLayer`.
      labels: l, the number of classes.
      gamma: of the pull of the outputs to the codes, gamma / (n k); 6 in the published code.
    """

    bits: int
    labels: int
    norm: bool
    gamma: float

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k] and logits [b l]."""
        u = HashLayer(self.bits, self.norm, name="hash")(features, train)
        if train:
            # Of the rows of one replica: gradients are averaged over replicas.
            code = quantizers.half_and_half(u, devices.gather_columns(u), self.gamma / u.size)
        else:
            code = quantizers.sign(u)
        return Outputs(u, nn.Dense(self.labels, name="classifier")(code))


def build(bits: int, labels: int, norm: bool, gamma: float = 6.0) -> nn.Module:
    """Returns the module."""
    return BiHalfHead(bits, labels, norm, gamma)
