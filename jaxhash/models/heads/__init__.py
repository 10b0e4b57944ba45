"""Hash heads, one kind a file: from the features of an image to the outputs that a loss takes.

A file has `build(bits, labels, norm, **options) -> Linen module`, called as (features [b c], train)
and returning `Outputs`. It is found by its name: `model.head.name` of a config.
"""

from typing import NamedTuple

import flax.linen as nn
import jax

from jaxhash.models.normalization import batch_norm


class Outputs(NamedTuple):
    """The outputs of the network for a batch.

    u: [b k] real outputs of the hash layer; the bits are u >= 0.
    logits: [b l] of a classifier on the code, or None for a head without one.
    features: [b d] what the head was given; `jaxhash.models.hash_network` adds it.
    """

    u: jax.Array
    logits: jax.Array | None = None
    features: jax.Array | None = None


class HashLayer(nn.Module):
    """Computes u = W^T features + b, DHIDA equation 14.

    W and b start from a Gaussian (algorithm 1 of DHIDA; the deviation of .01 is that of the public
    implementations, the paper names none).

    Attributes:
      bits: k, the length of the code.
      norm: whether each bit's output is normalised over the batch and multiplied by a learnt scale
        (batch normalisation without an offset). No paper has it. With ImageNet weights it brings a
        pairwise loss down sooner; with random weights the outputs of all images are nearly equal at
        first, most pairs are dissimilar, and a pairwise loss keeps the outputs near 0 for hundreds
        of steps (measured in docs/random_weights.md). The initial scale is .3: at 1, the inner
        products of unrelated codes are so large that two thousand steps did not bring the loss down
        to log 2, that of codes that are all 0.
    """

    bits: int
    norm: bool = False

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> jax.Array:
        """Maps [b c] to [b k]."""
        gaussian = nn.initializers.normal(0.01)
        u = nn.Dense(self.bits, kernel_init=gaussian, bias_init=gaussian, name="dense")(features)
        return normalised(u, train) if self.norm else u


def normalised(u: jax.Array, train: bool) -> jax.Array:
    """Normalises outputs [b k] over the batch, inside a compact method; see `HashLayer.norm`."""
    scale = nn.initializers.constant(0.3)
    return batch_norm(train)(use_bias=False, scale_init=scale, name="norm")(u)
