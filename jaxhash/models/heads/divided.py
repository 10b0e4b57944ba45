"""NINH's head: features are divided into a part for each bit (Lai et al., CVPR 2015)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.models.heads import Outputs, normalised


class DividedHead(nn.Module):
    """A layer of `part` features for each bit, and an output of each part: divide and encode.

    Attributes:
      bits: k.
      norm: see `jaxhash.models.heads.HashLayer`.
      part: features a bit; 50 in the paper.
    """

    bits: int
    norm: bool
    part: int

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b c] to u [b k]."""
        parts = nn.relu(nn.Dense(self.bits * self.part, name="parts")(features))
        parts = parts.reshape(-1, self.bits, self.part)
        gaussian = nn.initializers.lecun_normal(in_axis=1, out_axis=0)
        kernel = self.param("kernel", gaussian, (self.bits, self.part))
        bias = self.param("bias", nn.initializers.zeros, (self.bits,))
        u = jnp.einsum("bkp,kp->bk", parts, kernel) + bias[None, :]
        return Outputs(normalised(u, train) if self.norm else u)


def build(bits: int, labels: int, norm: bool, part: int = 50) -> nn.Module:
    """Returns the module; the number of labels is unused.

    The paper's threshold, which makes outputs far from 1/2 binary, is left out: a bit is u >= 0
    with it or without.
    """
    del labels
    return DividedHead(bits, norm, part)
