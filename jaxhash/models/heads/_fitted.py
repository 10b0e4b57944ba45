"""A hash layer that a shallow method has fitted, in place of a trained one."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.models.heads import Outputs


class FittedHead(nn.Module):
    """The function that `jaxhash.shallow` fits; its parameters are 0 until then.

    Attributes:
      bits: k.
      method: of `jaxhash.shallow`.
    """

    bits: int
    method: Any

    @nn.compact
    def __call__(self, features: jax.Array, train: bool) -> Outputs:
        """Maps [b d] to u [b k]; the same in training."""
        del train
        shapes = self.method.shapes(features.shape[-1], self.bits)
        arrays = {
            name: self.param(name, nn.initializers.zeros, shape, jnp.float32)
            for name, shape in shapes._asdict().items()
        }
        return Outputs(type(shapes)(**arrays).project(features))
