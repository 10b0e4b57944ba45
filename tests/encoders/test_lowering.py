"""Every system's step and encoder, made ready for TPU and CUDA on a machine that has neither.

The step of one replica goes under the axis of two, as `jax.jit` of a `shard_map`, and is exported
for both platforms. That every operation, the collectives too, has a rule for them, and is accepted
by the StableHLO that their compilers read, is what this proves. What only the hardware shows: that
those compilers take it, that it fits the memory, how fast it is, and how its sums are rounded.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from jaxhash import config as configs
from jaxhash import registry
from jaxhash.data import augment as augmentation
from jaxhash.distributed import devices
from jaxhash.encoders.steps import encode_step
from jaxhash.losses import Task
from jaxhash.models import hash_network
from jaxhash.training import optimizers, steps
from jaxhash.training.state import TrainState

CONFIGS = Path(__file__).parents[2] / "configs"
SYSTEMS = ("adh", "dah", "dhida", "hrmpa", "triplet_greedy")
PLATFORMS = ("tpu", "cuda")
LABELS, TRAIN = 10, 500


def export(step, state, batch):
    """Exports a step over two replicas: the state on both, the rows of the batch split."""
    mesh = jax.make_mesh((2,), (devices.AXIS,), (jax.sharding.AxisType.Auto,))
    split, whole = PartitionSpec(devices.AXIS), PartitionSpec()
    mapped = jax.shard_map(
        step, mesh=mesh, in_specs=(whole, split), out_specs=split, check_vma=False
    )
    return jax.export.export(jax.jit(mapped), platforms=PLATFORMS)(state, batch)


def parts(config):
    network = hash_network.build(config.model, LABELS)
    paper = registry.find("jaxhash.losses", config.loss.name)
    loss = paper.build(**registry.options(config.loss, paper))
    optimizer = optimizers.build(config.optim, 100)
    size, channels = config.data.size, len(config.data.mean)

    def initial():
        variables = network.init(jax.random.key(0), jnp.zeros((1, size, size, channels)))
        task = Task(config.model.bits, jnp.zeros((TRAIN, LABELS)))
        return TrainState.create(variables, optimizer, loss.init(task))

    rows = config.train.batch_size
    batch = steps.Batch(
        jax.ShapeDtypeStruct((rows, size, size, channels), jnp.uint8),
        jax.ShapeDtypeStruct((rows, LABELS), jnp.uint8),
        jax.ShapeDtypeStruct((rows,), jnp.int32),
    )
    built = {"model": network, "loss": loss, "optimizer": optimizer}
    return built, augmentation.build(config.data), jax.eval_shape(initial), batch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "dtype"),
    [*((system, "float32") for system in SYSTEMS), ("adh", "bfloat16"), ("dhida", "bfloat16")],
)
def test_step_and_encoder_lower_for_tpu_and_cuda(system, dtype):
    config = configs.load(f"{CONFIGS / system}.py:scale=small")
    config.model.dtype = dtype
    built, augment, state, batch = parts(config)

    def step(state, batch):
        after, metrics = steps.train_step(state, batch, **built, augment=augment, seed=0)
        return jax.tree.map(lambda x: x[None], (after, metrics))

    exported = export(step, state, batch)
    assert exported.platforms == PLATFORMS and exported.nr_devices == 2
    text = exported.mlir_module()
    assert "stablehlo.all_reduce" in text
    # The greedy hash has no pairs, so its columns are needed by nobody.
    assert ("stablehlo.all_gather" in text) == (system != "triplet_greedy")
    encode = partial(encode_step, model=built["model"], augment=augment)
    exported = export(encode, state.variables, batch.pixels)
    (codes,) = exported.out_avals
    assert codes.shape == (len(batch.index), config.model.bits // 8) and codes.dtype == "uint8"
    assert ("bf16" in exported.mlir_module()) == (dtype == "bfloat16")


def test_what_one_platform_alone_can_do_does_not_pass():
    """The export would notice: this operation has a rule for CPUs and none for TPUs."""

    def step(scale, x):
        return jax.lax.linalg.schur(x * scale)[0]

    with pytest.raises(NotImplementedError, match="'schur' not found for platforms .*tpu.*cuda"):
        export(step, jnp.float32(1), jnp.zeros((4, 2, 2)))
