"""A hidden layer before the hash layer, as VTS and CIBHash have it."""

import flax.linen as nn
import jax

from jaxhash.errors import UserError
from jaxhash.models.heads import HashLayer, Outputs
from jaxhash.models.layers import Dropout


class HiddenHead(nn.Module):
    """Dropout, a layer of `units` with ReLU, and the hash layer.

    Attributes:
      bits, norm: see `HashLayer`.
      units: of the hidden layer.
      dropout: share of the features that is dropped in training.
    """

    bits: int
    norm: bool
    units: int
    dropout: float

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k]."""
        features = Dropout(self.dropout, name="dropout")(features, train)
        hidden = nn.relu(nn.Dense(self.units, name="hidden")(features))
        return Outputs(HashLayer(self.bits, self.norm, name="hash")(hidden, train))


def build(
    bits: int, labels: int, norm: bool, units: int = 1_024, dropout: float = 0.0
) -> nn.Module:
    """Returns the module; the number of labels is unused.

    Raises:
      UserError: no units, or a share that is not from 0 to below 1.
    """
    del labels
    if units < 1:
        raise UserError(f"model.head.hidden.units={units}: expected at least 1")
    if not 0 <= dropout < 1:
        raise UserError(f"model.head.hidden.dropout={dropout}: expected at least 0 and below 1")
    return HiddenHead(bits, norm, units, dropout)
