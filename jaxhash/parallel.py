"""Devices: the only file that knows of them. A step is written for one replica and mapped here."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxhash.errors import UserError

AXIS = "replica"


class Replicas:
    """The local devices that share the work of a step.

    Attributes:
      devices: the devices in use.
    """

    def __init__(self, count: int = 0):
        """Takes the first `count` local devices, or all of them for 0."""
        local = jax.local_devices()
        if count > len(local):
            raise UserError(f"devices={count}: this machine has {len(local)}; devices=0 takes all")
        self.devices = local[: count or len(local)]
        self._sharding = NamedSharding(Mesh(np.array(self.devices), (AXIS,)), PartitionSpec(AXIS))

    def __len__(self) -> int:
        return len(self.devices)

    def map(self, step: Callable, *, donate: tuple[int, ...] = ()) -> Callable:
        """Maps a step of one replica over the devices, under the axis name `AXIS`.

        Every argument has the devices as its leading axis; those in `donate` give up their memory.
        """
        return jax.pmap(step, AXIS, devices=self.devices, donate_argnums=donate)

    def replicate(self, tree: Any) -> Any:
        """Puts a copy of every leaf on every device: [...] becomes [d ...].

        In the sharding that a mapped step returns, or its second call would compile once more.
        """

        def copies(x: Any) -> jax.Array:
            x = np.asarray(x)
            return jax.device_put(np.broadcast_to(x, (len(self), *x.shape)), self._sharding)

        return jax.tree.map(copies, tree)

    def shard(self, tree: Any) -> Any:
        """Splits the leading axis of every leaf over the devices: [b ...] becomes [d b/d ...]."""
        return jax.tree.map(lambda x: np.asarray(x).reshape(len(self), -1, *x.shape[1:]), tree)

    def first(self, tree: Any) -> Any:
        """Copies the first replica's value of every leaf to the host: [d ...] becomes [...].

        A copy, so that a later step may take over the device's memory.
        """
        return jax.tree.map(lambda x: np.array(x.addressable_shards[0].data)[0], tree)

    def gather(self, tree: Any) -> Any:
        """Joins what `shard` split, on the host: [d b/d ...] becomes [b ...]."""
        return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), tree)

    def check_batch(self, batch_size: int) -> None:
        """Raises UserError where a global batch cannot be shared out evenly."""
        if batch_size % len(self):
            raise UserError(
                f"train.batch_size={batch_size} cannot be shared by {len(self)} devices: "
                "choose a multiple, or fewer with devices=N"
            )


def gather_columns(tree: Any) -> Any:
    """Inside a mapped step: joins every replica's rows, [b/d ...] to the global batch [b ...].

    Differentiable: a gradient that arrives at the global batch goes back to the replica whose rows
    they are, so that pairs across replicas teach both sides.
    """
    return jax.tree.map(lambda x: jax.lax.all_gather(x, AXIS, tiled=True), tree)


def mean(tree: Any) -> Any:
    """Inside a mapped step: averages every leaf over the replicas."""
    return jax.tree.map(lambda x: jax.lax.pmean(x, AXIS), tree)


def rows(count: int) -> jax.Array:
    """Inside a mapped step: numbers this replica's `count` rows by their place in the batch.

    Returns:
      [count] int32; replica r has r * count to (r + 1) * count - 1, as `Replicas.shard` cuts them.
    """
    return jax.lax.axis_index(AXIS) * count + jnp.arange(count)
