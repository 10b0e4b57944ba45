"""A hash layer, and a linear classifier of its code."""

import flax.linen as nn
import jax

from jaxhash.models import quantizers
from jaxhash.models.heads import HashLayer, Outputs


class ClassifierHead(nn.Module):
    """Classifies images by logits = W activation(u).

    Attributes:
      bits, norm: see `HashLayer`.
      labels: l, the number of classes.
      activation: a name in `quantizers.BY_NAME`, applied between hash layer and classifier.
      bias: whether the classifier has one.
    """

    bits: int
    labels: int
    norm: bool
    activation: str
    bias: bool

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k] and logits [b l]."""
        u = HashLayer(self.bits, self.norm, name="hash")(features, train)
        code = quantizers.find(self.activation)(u)
        return Outputs(u, nn.Dense(self.labels, use_bias=self.bias, name="classifier")(code))


def build(
    bits: int, labels: int, norm: bool, activation: str = "sign", bias: bool = True
) -> nn.Module:
    """Returns the module; raises UserError on an unknown activation.

    DAH classifies the shrink-sigmoid of u, the greedy hash its sign (with `bias=False`).
    """
    quantizers.find(activation)
    return ClassifierHead(bits, labels, norm, activation, bias)
