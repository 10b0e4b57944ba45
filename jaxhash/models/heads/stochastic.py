"""A hash layer and a classifier of codes that are drawn at random while training."""

import flax.linen as nn
import jax

from jaxhash.distributed import devices
from jaxhash.models.heads import HashLayer, Outputs


class StochasticHead(nn.Module):
    """Classifies images by logits = W b, a bit b 1 with the probability p = sigmoid(u), else 0.

    The gradient passes from b to p unchanged (straight-through). Out of training b is p > 1/2. Each
    image draws by its place in the global batch, so that the result does not depend on how the
    batch is spread over devices.

    Attributes:
      bits, norm: see `HashLayer`.
      labels: l, the number of classes.
    """

    bits: int
    labels: int
    norm: bool

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k] and logits [b l]; draws from the random numbers named "dropout"."""
        u = HashLayer(self.bits, self.norm, name="hash")(features, train)
        p = jax.nn.sigmoid(u)
        threshold: jax.Array | float = 0.5
        if train:
            key = self.make_rng("dropout")
            keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(devices.rows(len(u)))
            threshold = jax.vmap(lambda key: jax.random.uniform(key, (self.bits,)))(keys)
        code = p + jax.lax.stop_gradient((p > threshold).astype(p.dtype) - p)
        return Outputs(u, nn.Dense(self.labels, name="classifier")(code))


def build(bits: int, labels: int, norm: bool) -> nn.Module:
    """Returns the module."""
    return StochasticHead(bits, labels, norm)
