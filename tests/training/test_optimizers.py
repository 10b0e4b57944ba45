import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from jaxhash.errors import UserError
from jaxhash.training import optimizers

DEFAULT = {"name": "rmsprop", "lr": 0.1, "weight_decay": 0.01, "schedule": "constant"}
ALIKE = {"backbone": 1.0, "attention": 1.0, "head": 1.0}


def config(multiplier=ALIKE, **changes):
    percents = {"warmup_percent": 30.0, "drop_percent": 60.0}
    return ConfigDict({**DEFAULT, **percents, "multiplier": multiplier, **changes})


def test_rmsprop_is_pytorchs():
    """By PyTorch's documented algorithm: L2 in the gradient, epsilon outside the root."""
    optimizer = optimizers.build(config(), 10)
    weight = np.array([1.0, -2.0])
    params = {"head": jnp.array(weight, jnp.float32)}
    state, square = optimizer.init(params), np.zeros(2)
    for gradient in ([0.5, 0.1], [-0.2, 0.3], [0.0, 0.4]):
        decayed = np.array(gradient) + 0.01 * weight
        square = 0.99 * square + 0.01 * decayed**2
        weight = weight - 0.1 * decayed / (np.sqrt(square) + 1e-8)
        updates, state = optimizer.update({"head": jnp.array(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["head"], weight, rtol=1e-5, atol=1e-6)


def test_adamw_is_pytorchs():
    """By PyTorch's documented algorithm: the weight decays apart from the moments."""
    optimizer = optimizers.build(config(name="adamw"), 10)
    weight = np.array([1.0, -2.0])
    params = {"head": jnp.array(weight, jnp.float32)}
    state, mean, square = optimizer.init(params), np.zeros(2), np.zeros(2)
    for t, gradient in enumerate(([0.5, 0.1], [-0.2, 0.3], [0.0, 0.4]), start=1):
        weight = weight - 0.1 * 0.01 * weight
        mean = 0.9 * mean + 0.1 * np.array(gradient)
        square = 0.999 * square + 0.001 * np.array(gradient) ** 2
        corrected = mean / (1 - 0.9**t), square / (1 - 0.999**t)
        weight = weight - 0.1 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
        updates, state = optimizer.update({"head": jnp.array(gradient)}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["head"], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("norm", "expected"), [(0.0, [3.0, 4.0]), (10.0, [3.0, 4.0]), (1.0, [0.6, 0.8])]
)
def test_a_gradient_is_cut_to_the_norm_over_all_parts(norm, expected):
    """Before weight decay; by one step of plain descent with momentum."""
    optimizer = optimizers.build(config(name="sgd", lr=1.0, weight_decay=0.5, clip_norm=norm), 10)
    params = {"backbone": jnp.array([2.0]), "head": jnp.array([2.0])}
    gradient = {"backbone": jnp.array([3.0]), "head": jnp.array([4.0])}
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    got = [-updates["backbone"][0] - 1, -updates["head"][0] - 1]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_config_without_the_newer_keys_builds_the_same_state():
    old, new = config(name="adam"), config(name="adam", clip_norm=0.0, average=0.0)
    params = {"head": jnp.array([1.0])}
    states = [optimizers.build(values, 10).init(params) for values in (old, new)]
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])


def test_one_cycle_rises_and_falls():
    rate = optimizers.schedule(config(schedule="one_cycle"), 100)
    values = [float(rate(step)) for step in range(101)]
    assert int(np.argmax(values)) == 30
    np.testing.assert_allclose(max(values), 0.1, rtol=1e-6)
    assert values[-1] < 1e-4 < values[0]


def test_step_falls_once():
    rate = optimizers.schedule(config(schedule="step"), 50)
    np.testing.assert_allclose([rate(29), rate(30), rate(49)], [0.1, 0.01, 0.01], rtol=1e-6)


@pytest.mark.parametrize("change", [{"name": "rmsprob"}, {"schedule": "cosin"}])
def test_unknown_names_are_refused(change):
    with pytest.raises(UserError, match="did you mean"):
        optimizers.build(config(**change), 10)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_goes_downhill(name):
    optimizer = optimizers.build(config(name=name, lr=0.01), 10)
    params = {"head": jnp.array([3.0])}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert updates["head"][0] < 0


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_parts_step_as_with_a_learning_rate_of_their_own(name):
    params = {part: jnp.array([3.0, -1.0]) for part in ("backbone", "attention_stage4", "head")}
    multiplier = {"backbone": 0.1, "attention": 0.0, "head": 2.0}

    def steps(**changes):
        optimizer = optimizers.build(config(name=name, **changes), 10)
        return optimizer.update(params, optimizer.init(params), params)[0]

    mixed = steps(multiplier=multiplier)
    for part, rate in (("backbone", 0.01), ("head", 0.2)):
        np.testing.assert_allclose(mixed[part], steps(lr=rate)[part], rtol=1e-6)
    assert not mixed["attention_stage4"].any()
