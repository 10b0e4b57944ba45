"""Everything that a run must remember between two steps."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct


@struct.dataclass
class TrainState:
    """The state of training, a tree of arrays.

    Attributes:
      step: [] int32, steps done. The position in the data and every random number follow from it
        and from the seed, so nothing else needs to be saved for an exact resume.
      params: weights of the model.
      batch_stats: running means and variances of its batch normalisation.
      opt_state: of the optimizer.
      loss_state: all that the loss remembers (a memory bank, say).
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: optax.OptState
    loss_state: Any

    @classmethod
    def create(
        cls, variables: dict, optimizer: optax.GradientTransformation, loss_state: Any
    ) -> "TrainState":
        """Returns the state before the first step, from what `model.init` and `loss.init` gave."""
        return cls(
            step=jnp.zeros((), jnp.int32),
            params=variables["params"],
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(variables["params"]),
            loss_state=loss_state,
        )

    @property
    def variables(self) -> dict:
        """What the model needs to encode."""
        return {"params": self.params, "batch_stats": self.batch_stats}
