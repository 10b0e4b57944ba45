"""Replication over devices: the mapped step, replicating, sharding, gathering. Only here is pmap.

Where several processes share a run (`jaxhash.distributed.processes.joined`), each has its own
devices, and the replicas are those of all: first the devices of process 0, then those of process 1,
and so on. Every process must call the same methods in the same order.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxhash.errors import UserError

AXIS = "replica"


class Replicas:
    """The devices over which a step is mapped, of all processes of the run.

    Attributes:
      processes: how many processes share the run.
      primary: whether this is process 0, which writes files and prints.
    """

    def __init__(self, count: int = 0):
        """Takes the first `count` devices of each process, or all of them for 0."""
        self.processes, self._process = jax.process_count(), jax.process_index()
        self.primary = self._process == 0
        owned = [jax.local_devices(process_index=i) for i in range(self.processes)]
        fewest, most = min(map(len, owned)), max(map(len, owned))
        if fewest < most:
            raise UserError(f"processes have {fewest} to {most} devices; each must have as many")
        if count > fewest:
            raise UserError(f"devices={count}: this machine has {fewest}; devices=0 takes all")
        owned = [devices[: count or fewest] for devices in owned]
        self._local = owned[self._process]
        self._all = [device for devices in owned for device in devices]
        self._sharding = NamedSharding(Mesh(np.array(self._all), (AXIS,)), PartitionSpec(AXIS))
        self._join = self.map(gather_columns)

    def __len__(self) -> int:
        return len(self._all)

    def map(self, step: Callable, *, donate: tuple[int, ...] = ()) -> Callable:
        """Maps a step of one replica over the devices, under the axis name `AXIS`.

        Every argument has this process's devices as its leading axis; the buffers of those in
        `donate` are reused for the results.
        """
        return jax.pmap(step, AXIS, devices=self._all, donate_argnums=donate)

    def replicate(self, tree: Any) -> Any:
        """Copies every leaf to every device: [...] becomes [d ...].

        The sharding is that of a mapped step's results: with another, the second call of the step
        would compile it again.
        """

        def copies(x: Any) -> jax.Array:
            x = np.asarray(x)
            own = np.broadcast_to(x, (len(self._local), *x.shape))
            return jax.make_array_from_process_local_data(self._sharding, own)

        return jax.tree.map(copies, tree)

    def share(self, count: int) -> slice:
        """Returns which rows of a global batch of `count` are for the devices of this process."""
        own = count // self.processes
        return slice(self._process * own, (self._process + 1) * own)

    def shard(self, tree: Any) -> Any:
        """Splits this process's rows of every leaf over its devices: [b ...] to [d b/d ...].

        The rows of one process are all rows, of several those that `share` returns.
        """
        d = len(self._local)
        return jax.tree.map(lambda x: np.asarray(x).reshape(d, -1, *x.shape[1:]), tree)

    def first(self, tree: Any) -> Any:
        """Copies the first replica's value of every leaf to the host: [d ...] becomes [...].

        A copy, as a later step may reuse the device's buffer.
        """
        return jax.tree.map(lambda x: np.array(x.addressable_shards[0].data)[0], tree)

    def gather(self, tree: Any) -> Any:
        """Joins the rows of all devices, on every host: [d b/d ...] to the global [b ...]."""
        if self.processes == 1:
            return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), tree)
        return self.first(self._join(tree))

    @classmethod
    def sharing(cls, batch_size: int, count: int = 0) -> "Replicas":
        """Takes devices that share a global batch evenly: `count` of each process.

        For 0 all of them are taken, or, of a processor, which is made into devices at will, as many
        as divide the batch.

        Raises:
          UserError: the batch cannot be divided evenly.

        >>> len(Replicas.sharing(batch_size=3)) in (1, 3)
        True
        """
        replicas = cls(count)
        if not count and replicas._local[0].platform == "cpu":
            fitting = (
                n
                for n in range(len(replicas._local), 0, -1)
                if not batch_size % (n * replicas.processes)
            )
            replicas = cls(next(fitting, 1))
        if batch_size % len(replicas):
            fewer = "devices with devices=N" if len(replicas._local) > 1 else "processes"
            raise UserError(
                f"train.batch_size={batch_size} cannot be shared by {len(replicas)} devices"
                f"{replicas._whose()}: choose a multiple of {len(replicas)}, or fewer {fewer}"
            )
        return replicas

    def _whose(self) -> str:
        return f" of {self.processes} processes" if self.processes > 1 else ""


def gather_columns(tree: Any) -> Any:
    """Inside a mapped step: joins every replica's rows, [b/d ...] to the global batch [b ...].

    Differentiable: the gradient of a row of the global batch is returned to its replica, so that a
    pair across replicas has a gradient on both sides.
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
