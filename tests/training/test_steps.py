"""The step on 1, 2 and 8 devices: the same loss, the same gradient."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhash import registry
from jaxhash.config import base
from jaxhash.data.augment import Augment
from jaxhash.data.sets import digits
from jaxhash.distributed import devices
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders.steps import encode_step
from jaxhash.errors import UserError
from jaxhash.losses import Codes, Task, dhida
from jaxhash.models import freezing, hash_network
from jaxhash.models.heads import linear
from jaxhash.models.layers import Dropout
from jaxhash.models.normalization import batch_norm
from jaxhash.training import keys, optimizers, steps
from jaxhash.training.state import AveragedState, TrainState

RANDOM = np.random.RandomState(0)
BATCH, TRAIN = 16, 40
IMAGES = steps.Images(
    pixels=RANDOM.randint(0, 256, (TRAIN, 8, 8, 1)).astype(np.uint8),
    labels=np.eye(4, dtype=np.uint8)[RANDOM.randint(0, 4, TRAIN)],
)
AUGMENT = Augment(8, pad=1, flip=True, mean=(0.5,), std=(0.5,))


class Pixels(nn.Module):
    """A trunk that compiles at once, for what concerns losses alone."""

    @nn.compact
    def __call__(self, x, train, at_node):
        return Dropout(0.2)(nn.relu(nn.Dense(8)(x.reshape(len(x), -1))), train)


def plain(head="linear", **options):
    kind = registry.find("jaxhash.models.heads", head)
    return hash_network.HashModel(Pixels(), {}, kind.build(6, 4, norm=False, **options))


def network(dtype="float32", hash_norm=False):
    config = base().model
    config.update(bits=6, hash_norm=hash_norm, dtype=dtype)
    config.attention.name = "ida"
    config.backbone.resnet.update(stem="3x3", stem_pool=False, strides=(1, 2, 1, 1), width=4)
    return hash_network.build(config, labels=4)


def run(count, loss, net, taken=1, rate=0.05, average=0.0):
    """Takes steps of plain gradient descent; returns the state and the metrics of the last."""
    replicas = Replicas(count)
    optimizer = optax.sgd(rate)
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    # Wide enough that codes differ and their balance is more than rounding.
    variables["params"]["head"]["hash"]["dense"]["kernel"] *= 30
    kind = AveragedState if average else TrainState
    state = kind.create(variables, optimizer, loss.init(Task(6, IMAGES.labels)))
    step = replicas.map(
        partial(
            steps.train_step,
            model=net,
            loss=loss,
            optimizer=optimizer,
            augment=AUGMENT,
            seed=3,
            average=average,
            trained=freezing.trained(net, variables, (8, 8, 1)),
        )
    )
    state = replicas.replicate(state)
    order, metrics = np.random.RandomState(1), {}
    for _ in range(taken):
        index = order.permutation(TRAIN)[:BATCH].astype(np.int32)
        batch = steps.Batch(IMAGES.pixels[index], IMAGES.labels[index], index)
        state, metrics = step(state, replicas.shard(batch))
    return replicas, state, replicas.first(metrics)


SHRUNK = {"head": "classifier", "activation": "shrink_sigmoid"}
# Every loss with its defaults, and options of some: (loss, options, the network's options).
LOSSES = {name: (name, {}, {}) for name in registry.names("jaxhash.losses")} | {
    "dhida bank": ("dhida", {"gamma": 0.5, "memory_bank": True}, {}),
    "dhida bits": ("dhida", {"gamma": 0.5, "balance_axis": "bits", "quantizer": "clipped"}, {}),
    "dah": ("dah", {}, SHRUNK),
    "greedy": ("greedy", {}, {"head": "classifier", "bias": False}),
    # Of one bit all cosines are -1 or 1, and the logarithm of their distance is at its limit.
    "transhash": ("transhash", {"streams": 2}, {}),
    "hrmpa learnt": ("hrmpa", {"db_codes": "learnt", "balanced": False}, {}),
}


def case(name):
    """Returns a loss of `LOSSES`, and a network for it."""
    name, options, head = LOSSES[name]
    loss = registry.find("jaxhash.losses", name).build(**options)
    return loss, plain(**(head or {"head": "classifier" if loss.needs_logits else "linear"}))


def assert_close(one, other):
    """Every leaf to 1e-5 of its largest number."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        scale = np.abs(np.asarray(a, np.float64)).max(initial=0)
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-5 * scale + 1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_do_not_depend_on_the_number_of_devices(name):
    """Of outputs, logits and features that are given; whole steps are tested below."""
    loss, options = case(name)[0], LOSSES[name][1]
    views, random = loss.views, np.random.RandomState(5)
    index = np.repeat(random.permutation(TRAIN)[: BATCH // views], views).astype(np.int32)
    sizes = {"u": 6 * options.get("streams", 1), "logits": 4, "features": 8}
    real = {kind: random.randn(BATCH, k).astype(np.float32) for kind, k in sizes.items()}
    given = Codes(labels=IMAGES.labels[index], index=index, place=np.arange(BATCH), **real)
    start = loss.init(Task(6, IMAGES.labels))

    def step(state, given):
        def value(real):
            rows = given._replace(**real)
            losses, state_after, metrics = loss.apply(state, rows, devices.gather_columns(rows))
            return losses.mean(), (state_after, metrics)

        real = {kind: getattr(given, kind) for kind in sizes}
        (value, (state_after, metrics)), gradient = jax.value_and_grad(value, has_aux=True)(real)
        return devices.mean({"loss": value, **metrics}), state_after, gradient

    def run(count):
        replicas = Replicas(count)
        values, state, gradient = replicas.map(step)(
            replicas.replicate(start), replicas.shard(given)
        )
        # The loss is the mean over replicas; each has the gradient of its own rows.
        whole = jax.tree.map(lambda x: replicas.gather(x) / count, gradient)
        return jax.tree.map(np.asarray, (replicas.first((values, state)), whole))

    one = run(1)
    assert any(np.abs(gradient).max() > 0 for gradient in one[1].values())
    for count in (2, 8):
        other = run(count)
        assert jax.tree.structure(other) == jax.tree.structure(one)
        assert_close(one, other)


@pytest.mark.parametrize(
    "name", ["dhida", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dah", "network"))]
)
def test_a_step_does_not_depend_on_the_number_of_devices(name):
    """Without batch normalisation and attention before the loss, and once with both."""
    loss, net = case("dhida" if name == "network" else name)
    net = network() if name == "network" else net
    replicas, state, metrics = run(1, loss, net)
    for count in (2, 8):
        others, other_state, other_metrics = run(count, loss, net)
        assert metrics.keys() == other_metrics.keys()
        for key, value in metrics.items():
            np.testing.assert_allclose(other_metrics[key], value, rtol=1e-5, err_msg=key)
        # After a step of plain descent, equal weights mean equal gradients.
        assert_close(replicas.first(state), others.first(other_state))


@pytest.mark.slow
def test_on_the_digits_gradients_differ_only_where_a_relu_is_at_its_kink(monkeypatch):
    """Inputs of a ReLU differ by rounding; where one changes its sign, its gradient is another.

    With the signs of one device given to all, the gradients of the same network agree. On the
    digits one sign among a million changes the gradient by up to a percent (docs/devices.md).
    """
    pixels, classes = digits.images()
    batch = steps.Batch(
        pixels[:48, ..., None], np.eye(10, dtype=np.uint8)[classes[:48]], np.arange(48)
    )
    loss, net = case("dhida")[0], network(hash_norm=True)
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))

    def gradient(count, given=None):
        """Returns the gradient, and the signs of the inputs of each ReLU."""
        replicas = Replicas(count)

        def step(variables, batch, given):
            def objective(params):
                signs = []

                def relu(x):
                    positive = (x > 0) if given is None else given[len(signs)]
                    signs.append(positive)
                    return x * positive

                monkeypatch.setattr(nn, "relu", relu)
                outputs, _ = net.apply(
                    variables | {"params": params},
                    AUGMENT.for_encoding(batch.pixels),
                    train=True,
                    mutable=["batch_stats"],
                )
                rows = Codes(outputs.u, batch.labels, batch.index)
                losses, _, _ = loss.apply((), rows, devices.gather_columns(rows))
                return losses.mean(), signs

            gradient, signs = jax.grad(objective, has_aux=True)(variables["params"])
            return devices.mean(gradient), signs

        split = [replicas.shard(x) for x in (batch, given)]
        got, signs = replicas.map(step)(replicas.replicate(variables), *split)
        return replicas.first(got), replicas.gather(signs)

    one, signs = gradient(1)
    size = optax.tree.norm(one)
    for count in (2, 8):
        other, _ = gradient(count, given=signs)
        apart = optax.tree.norm(jax.tree.map(np.subtract, one, other))
        assert apart < 2e-5 * size


@pytest.mark.slow
def test_the_average_of_weights_is_that_of_the_steps():
    """On two devices, by its definition, over three steps."""
    loss, net = case("dhida")
    states = [run(2, loss, net, taken=taken, average=0.2)[1] for taken in (0, 1, 2, 3)]
    states = [jax.tree.map(lambda x: np.asarray(x)[0], state) for state in states]
    expected = states[0].params
    for t, state in enumerate(states[1:]):
        keep = min(0.2, (1 + t) / (10 + t))
        expected = jax.tree.map(
            lambda mean, value, keep=keep: keep * mean + (1 - keep) * value, expected, state.params
        )
        for a, b in zip(
            jax.tree.leaves(expected), jax.tree.leaves(state.variables["params"]), strict=True
        ):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-7)
    _, plain_state, _ = run(2, loss, net, taken=3)
    for a, b in zip(
        jax.tree.leaves(states[-1].params), jax.tree.leaves(plain_state.params), strict=True
    ):
        np.testing.assert_array_equal(a, np.asarray(b)[0])  # training itself is the same


@pytest.mark.slow
def test_a_bank_that_was_filled_on_one_device_is_that_of_eight():
    loss, net = case("dhida bank")
    _, _, metrics = run(1, loss, net, taken=3, rate=1e-3)
    _, _, other_metrics = run(8, loss, net, taken=3, rate=1e-3)
    for key, value in metrics.items():
        np.testing.assert_allclose(other_metrics[key], value, rtol=1e-4, err_msg=key)


def test_normalised_outputs_do_not_depend_on_the_number_of_devices():
    loss, _ = case("dhida")
    net = hash_network.HashModel(Pixels(), {}, linear.build(6, 4, norm=True))
    _, _, metrics = run(1, loss, net)
    for count in (2, 8):
        _, _, others = run(count, loss, net)
        for key in ("loss", "likelihood", "gradient_norm"):
            np.testing.assert_allclose(others[key], metrics[key], rtol=1e-5, err_msg=key)
        assert others["balance"] < 1e-12  # centred over the global batch


def test_images_on_the_device_give_the_batch_of_a_stream():
    replicas = Replicas(2)
    index = np.array([7, 3, 0, 39], np.int32)
    batch = replicas.map(steps.gather)(replicas.replicate(IMAGES), *replicas.shard((index, index)))
    expected = steps.Batch(IMAGES.pixels[index], IMAGES.labels[index], index)
    for got, wanted in zip(batch, replicas.shard(expected), strict=True):
        assert np.array_equal(got, wanted) and got.dtype == wanted.dtype


@pytest.mark.slow
def test_replicas_stay_the_same():
    _, state, _ = run(8, case("dhida bank")[0], network())
    for leaf in jax.tree.leaves(state):
        assert (np.asarray(leaf) == np.asarray(leaf)[:1]).all()


def test_pairs_span_the_global_batch():
    """Per-device pairs would give another value: two devices hold one class each."""
    u = RANDOM.normal(size=(8, 6)).astype(np.float32)
    labels = np.eye(2, dtype=np.uint8)[np.repeat([0, 1], 4)]
    loss = dhida.build()

    def value(rows):
        losses, _, _ = loss.apply((), rows, devices.gather_columns(rows))
        return devices.mean(losses.mean())

    rows = Codes(u, labels, np.arange(8))
    got = [float(r.first(r.map(value)(r.shard(rows)))) for r in (Replicas(1), Replicas(2))]
    np.testing.assert_allclose(got[0], got[1], rtol=1e-6)
    halves = [jax.tree.map(lambda x, part=part: x[part], rows) for part in (slice(4), slice(4, 8))]
    apart = np.mean([loss.apply((), half, half)[0].mean() for half in halves])
    assert abs(apart - got[0]) > 0.01


@pytest.mark.slow
def test_bfloat16_steps_stay_near_float32():
    loss, _ = case("dhida")
    _, state, metrics = run(2, loss, network())
    _, half_state, half_metrics = run(2, loss, network(dtype="bfloat16"))
    np.testing.assert_allclose(half_metrics["loss"], metrics["loss"], rtol=0.1)
    assert {leaf.dtype for leaf in jax.tree.leaves(half_state.params)} == {jnp.dtype("float32")}


@pytest.mark.slow
def test_codes_do_not_depend_on_the_number_of_devices():
    net = network()
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    codes = []
    for count in (1, 2, 8):
        replicas = Replicas(count)
        step = replicas.map(partial(encode_step, model=net, augment=AUGMENT))
        packed = step(replicas.replicate(variables), replicas.shard(IMAGES.pixels))
        codes.append(replicas.gather(packed))
    u = net.apply(variables, AUGMENT.for_encoding(IMAGES.pixels)).u
    assert codes[0].shape == (TRAIN, 1)
    for got in codes:
        assert np.array_equal(got, np.packbits(np.asarray(u) >= 0, axis=1))


def test_what_devices_cannot_share_is_refused():
    with pytest.raises(UserError, match="by 8 devices: choose a multiple of 8, or fewer devices"):
        Replicas.sharing(10, 8)
    with pytest.raises(UserError, match="devices=9: this machine has 8"):
        Replicas(9)


@pytest.mark.parametrize(("batch_size", "count"), [(64, 8), (20, 5), (7, 7), (11, 1)])
def test_a_processor_is_as_many_devices_as_divide_the_batch(batch_size, count):
    assert len(Replicas.sharing(batch_size)) == count


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_step_returns_lies_as_what_is_replicated(count):
    """Or every step would be compiled twice."""
    replicas = Replicas(count)
    state = replicas.replicate({"weights": np.ones(3), "step": np.int32(0)})
    again = replicas.map(lambda state: jax.tree.map(lambda x: x + 1, state))(state)
    assert jax.tree.map(lambda x: x.sharding, again) == jax.tree.map(lambda x: x.sharding, state)
    assert replicas.first(again)["weights"].tolist() == [2.0] * 3


class Normed(nn.Module):
    """A trunk with batch normalisation, dropout, and one node."""

    @nn.compact
    def __call__(self, x, train, at_node):
        x = nn.relu(batch_norm(train)(name="norm")(nn.Conv(4, (3, 3), name="conv")(x)))
        return Dropout(0.2)(at_node("last", x), train)


@pytest.mark.parametrize("still", hash_network.PARTS)
def test_a_part_with_multiplier_0_is_held_still_and_the_others_learn(still):
    """Weights, running statistics and their average, with weight decay and a clipped gradient."""
    config = base().optim
    config.update(name="adamw", lr=0.1, weight_decay=0.1, clip_norm=1.0)
    config.multiplier[still] = 0.0
    attention = registry.find("jaxhash.models.attention", "se").build()
    kind = registry.find("jaxhash.models.heads", "linear")
    net = hash_network.HashModel(
        Normed(), {"last": attention}, kind.build(6, 4, norm=True), frozen=optimizers.frozen(config)
    )
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    trained = freezing.trained(net, variables, (8, 8, 1))
    optimizer = optimizers.build(config, 10, trained=trained["params"])
    loss = dhida.build()
    before = AveragedState.create(variables, optimizer, loss.init(Task(6, IMAGES.labels)))
    batch = steps.Batch(IMAGES.pixels[:BATCH], IMAGES.labels[:BATCH], np.arange(BATCH))
    options = {"model": net, "loss": loss, "optimizer": optimizer, "augment": AUGMENT}
    replicas = Replicas(1)
    options |= {"seed": 3, "average": 0.9, "trained": trained}
    step = replicas.map(partial(steps.train_step, **options))
    state = replicas.replicate(before)
    for _ in range(2):
        state, metrics = step(state, replicas.shard(batch))
    state = replicas.first(state)
    moved = {}
    for tree in ("params", "batch_stats"):
        pairs = zip(
            jax.tree_util.tree_leaves_with_path(getattr(before, tree)),
            jax.tree.leaves(getattr(state, tree)),
            jax.tree.leaves(state.average[tree]),
            strict=True,
        )
        for (path, old), new, average in pairs:
            same = np.array_equal(old, new) and np.array_equal(old, average)
            moved.setdefault((tree, hash_network.part(path[0].key)), []).append(not same)
    for (tree, part), which in moved.items():
        assert any(which) == (part != still), (tree, part)
    assert {part for _, part in moved} == set(hash_network.PARTS) and len(moved) == 5
    assert replicas.first(metrics)["gradient_norm"] > 0


def test_the_gradient_of_a_part_that_is_held_still_does_not_count():
    """Otherwise it would take its share of the norm to which the others' are clipped."""
    loss, norms = dhida.build(), {}
    for frozen in (frozenset(), frozenset({"head"}), frozenset({"backbone"})):
        net = plain().clone(frozen=frozen)
        norms[frozen] = float(run(1, loss, net)[2]["gradient_norm"])
    whole, *parts = norms.values()
    assert min(parts) > 0 and max(parts) < whole


@pytest.mark.slow
def test_no_step_has_the_key_of_the_initial_weights_or_of_another_step():
    """All steps but one keep the key of version 0.1.0."""
    initial = 0xB17
    numbers = jnp.arange(initial - 2, initial + 3)
    data = jax.vmap(lambda step: jax.random.key_data(keys.of_step(5, step)))(numbers)
    plain = jax.vmap(lambda n: jax.random.key_data(jax.random.fold_in(jax.random.key(5), n)))
    same = (data == plain(numbers)).all(axis=1)
    assert same.tolist() == [True, True, False, True, True]
    taken = np.concatenate([data, jax.random.key_data(keys.initial(5))[None]])
    assert len(np.unique(taken, axis=0)) == 6
    assert np.array_equal(jax.random.key_data(keys.initial(5)), plain(numbers)[2])
