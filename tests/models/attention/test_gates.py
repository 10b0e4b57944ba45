"""What gates make of features before anything is trained."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import config as configs
from jaxhash import registry
from jaxhash.distributed import devices
from jaxhash.errors import UserError
from jaxhash.models import hash_network

CONFIGS = Path(__file__).parents[3] / "configs"
OPEN = 1 / (1 + np.exp(-4.0))
X = np.random.RandomState(0).normal(size=(2, 6, 5, 16)).astype(np.float32)
GATES = {"cbam": OPEN**2, "triplet": OPEN}  # a channel and a spatial gate, or the mean of three


def build(name, start):
    return registry.find("jaxhash.models.attention", name).build(start=start)


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True], ids=["evaluated", "trained"])
@pytest.mark.parametrize("size", [1, 100], ids=["small", "large"])
@pytest.mark.parametrize("name", GATES)
def test_gates_near_one_leave_features_whatever_their_size(name, size, train):
    module = build(name, "one")
    variables = module.init(jax.random.key(0), X, False)

    def apply(x):
        return module.apply(variables, x, train, mutable=["batch_stats"])[0]

    (got,) = jax.vmap(apply, axis_name=devices.AXIS)(size * X[None])
    np.testing.assert_allclose(got, GATES[name] * size * X, rtol=1e-5)


@pytest.mark.parametrize("name", GATES)
def test_both_starts_have_the_same_weights_but_for_their_values(name):
    """And the published one is the default: runs that do not name a start have it."""
    published, one, default = (
        module.init(jax.random.key(0), X, False)
        for module in (
            build(name, "published"),
            build(name, "one"),
            registry.find("jaxhash.models.attention", name).build(),
        )
    )
    shapes = jax.tree.map(np.shape, published)
    assert shapes == jax.tree.map(np.shape, one)
    assert jax.tree.all(jax.tree.map(np.array_equal, published, default))
    assert not jax.tree.all(jax.tree.map(np.array_equal, published, one))


@pytest.mark.parametrize("name", GATES)
def test_all_weights_of_gates_near_one_are_trained(name):
    """Some start with a gradient of nought, and have another as soon as the others have moved."""
    module = build(name, "one")
    variables = module.init(jax.random.key(0), X, False)
    wanted = np.random.RandomState(1).normal(size=X.shape)

    @jax.jit
    def step(params):
        def loss(params):
            got = module.apply({**variables, "params": params}, X, False)
            return jnp.sum((got - wanted * X) ** 2)

        return jax.tree.map(lambda p, g: p - 0.01 * g, params, jax.grad(loss)(params))

    params = variables["params"]
    for _ in range(3):
        params = step(params)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), params, variables["params"])
    assert jax.tree.all(moved), moved


def scales(config):
    """How large features are behind each attention of a network, in parts of those before."""
    network = hash_network.build(config.model, labels=10)
    images = jax.random.normal(jax.random.key(0), (1, config.data.size, config.data.size, 3))
    found = []

    def watch(call, arguments, options, context):
        out = call(*arguments, **options)
        if (context.module.name or "").startswith("attention"):
            found.append(jnp.linalg.norm(out) / jnp.linalg.norm(arguments[0]))
        return out

    def run(key):
        found.clear()
        with nn.intercept_methods(watch):
            network.init(key, images)
        return list(found)

    return np.array(jax.jit(run)(jax.random.key(0)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "nodes"),
    [
        ("adh.py:scale=paper", 1),
        ("adh.py:scale=paper,attention=triplet", 1),
        ("triplet_greedy.py:scale=paper,at=stages", 5),
    ],
)
def test_pretrained_layers_get_features_of_the_size_that_they_know(arguments, nodes):
    config = configs.load(f"{CONFIGS}/{arguments}")
    config.data.size = 64
    config.model.backbone.alexnet.update(width=16, hidden=16)
    config.model.backbone.vgg.update(width=8, hidden=16)
    near = scales(config)
    assert len(near) == nodes and (near > 0.95).all()
    for mechanism in ("cbam", "triplet"):
        config.model.attention[mechanism].start = "published"
    assert (scales(config) < 0.6).all()


@pytest.mark.parametrize("arguments", ["adh.py", "dah.py", "triplet_greedy.py"])
def test_small_networks_from_random_weights_start_as_published(arguments):
    """Their stored results stay what they are."""
    attention = configs.load(f"{CONFIGS}/{arguments}:scale=small").model.attention
    assert attention[attention.name].start == "published"


@pytest.mark.parametrize("name", GATES)
def test_an_unknown_start_is_refused(name):
    with pytest.raises(UserError, match=rf"^model\.attention\.{name}\.start=zero: expected pub"):
        build(name, "zero")
