"""The state of training: all that is needed to continue a run at its next step."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp
import optax
from flax import struct


class TrainState(struct.PyTreeNode):
    """The state of training, a tree of arrays.

    (A further field would keep older checkpoints from being restored.)

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
        cls,
        variables: Mapping[str, Any],
        optimizer: optax.GradientTransformation,
        loss_state: Any,
        **fields: Any,
    ) -> Self:
        """Returns the state before the first step, from what `model.init` and `loss.init` gave."""
        return cls(
            **fields,
            step=jnp.zeros((), jnp.int32),
            params=variables["params"],
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(variables["params"]),
            loss_state=loss_state,
        )

    @property
    def variables(self) -> dict:
        """Returns the variables that images are encoded with."""
        return {"params": self.params, "batch_stats": self.batch_stats}

    def with_variables(self, variables: dict) -> Self:
        """Returns the state with other initial variables."""
        return self.replace(**variables)

    def map_variables(self, change: Callable[[dict], dict]) -> Self:
        """Returns the state with each {"params", "batch_stats"} that it holds changed."""
        return self.replace(**change({"params": self.params, "batch_stats": self.batch_stats}))

    def averaged(self, decay: float) -> Self:
        """Returns the state itself, which has no average."""
        del decay
        return self


class AveragedState(TrainState):
    """A state with an exponential average of the model's variables, used to encode.

    Attributes:
      average: {"params", "batch_stats"}; after step t it is d average + (1 - d) variables with
        d = min(decay, (1 + t) / (10 + t)), so that the random initial weights are soon forgotten.
    """

    average: Any

    @classmethod
    def create(
        cls,
        variables: Mapping[str, Any],
        optimizer: optax.GradientTransformation,
        loss_state: Any,
        **fields: Any,
    ) -> Self:
        """Returns the state before the first step; the average is that of the initial variables."""
        average = {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}
        return super().create(variables, optimizer, loss_state, average=average, **fields)

    @property
    def variables(self) -> dict:
        """Returns the variables that images are encoded with: the average."""
        return self.average

    def with_variables(self, variables: dict) -> Self:
        """Returns the state with other initial variables."""
        return self.replace(**variables, average=variables)

    def map_variables(self, change: Callable[[dict], dict]) -> Self:
        """Returns the state with its variables, and their average, changed."""
        return super().map_variables(change).replace(average=change(self.average))

    def averaged(self, decay: float) -> Self:
        """Returns the state with its variables added to the average, once after each step."""
        t = jnp.float32(self.step)
        keep = jnp.minimum(decay, t / (9 + t))  # of step t - 1, counted from 0
        current = {"params": self.params, "batch_stats": self.batch_stats}

        def add(mean: jax.Array, value: jax.Array) -> jax.Array:
            # What is equal stays so: a part of the network that is held still, for one.
            return jnp.where(mean == value, value, keep * mean + (1 - keep) * value)

        average = jax.tree.map(add, self.average, current)
        return self.replace(average=average)
