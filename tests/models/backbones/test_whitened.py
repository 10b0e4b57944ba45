"""The network behind whitened patches: its first layer, its nodes, training and resuming."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import config as configs
from jaxhash.errors import UserError
from jaxhash.models.backbones import whitened
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.training import initial, loop
from jaxhash.training.experiment import Experiment
from tests.models.backbones.networks import untouched, visit


def test_it_calls_its_nodes_and_ends_in_one_value_a_channel():
    shape, nodes = visit(whitened.build("whitened", (4, 5, 6)), (32, 32))
    assert shape == (1, 1, 1, 6) and nodes == whitened.nodes("whitened")


def test_images_that_are_too_small_are_one_line():
    with pytest.raises(UserError, match="8 x 8 pixels are too small .* at least 9"):
        visit(whitened.build("whitened"), (8, 8))
    assert visit(whitened.build("whitened", (1, 1, 1)), (9, 9))[0] == (1, 1, 1, 1)


@pytest.mark.parametrize("widths", [(4, 4), (4, 4, 0)])
def test_widths_are_checked(widths):
    with pytest.raises(UserError, match="expected 3 numbers of at least 1"):
        whitened.build("whitened", widths)


def test_whitening_is_the_inverse_root_of_the_covariance():
    """Of patches in the order [row column channel], each cut out by itself."""
    random = np.random.default_rng(0)
    images = random.normal(size=(30, 6, 6, 2)) @ random.normal(size=(2, 2))
    kernel = whitened.whitening(images).reshape(8, 8)
    patches = np.stack(
        [
            images[n, i : i + 2, j : j + 2].ravel()
            for n in range(30)
            for i in range(5)
            for j in range(5)
        ]
    )
    covariance = np.cov(patches.T)
    np.testing.assert_allclose(
        np.linalg.inv(kernel @ kernel.T), covariance + whitened.EPSILON * np.eye(8), rtol=1e-3
    )
    power = (kernel**2).sum(axis=0)  # falls with the eigenvalue, by which the filters are ordered
    assert (np.diff(power) >= 0).all()


def test_the_first_layer_is_not_trained():
    network = whitened.build("whitened", (4, 4, 4))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 12, 12, 3)), jnp.float32)
    variables = network.init(jax.random.key(0), x, False, untouched)
    assert "whitening" not in variables["params"]

    def value(x):
        return network.apply(variables, x, False, untouched).sum()

    assert (jax.grad(value)(x) == 0).all()


@pytest.mark.slow
def test_a_run_sets_its_first_layer_by_training_images_and_keeps_it(tiny, tmp_path, monkeypatch):
    with tiny.unlocked():
        tiny.data.size = 12
        tiny.model.attention.name = "none"
        tiny.model.backbone.name = "whitened"
        tiny.model.backbone.whitened.widths = (2, 2, 2)
        tiny.train.total_steps = 2
    configs.check(tiny)
    loop.train_and_evaluate(tiny, tmp_path / "run")
    experiment = Experiment(tiny)
    with Checkpoints(tmp_path / "run") as checkpoints:
        kept = checkpoints.restore(experiment.random_state()).batch_stats["backbone"]["whitening"]
    images = experiment.data.pool.pixels[:][experiment.data.split.train]
    expected = whitened.whitening(np.asarray(experiment.augment.for_encoding(jnp.asarray(images))))
    np.testing.assert_allclose(kept, expected, rtol=1e-5)
    monkeypatch.setattr(initial, "PIXELS", 3 * 12**2)  # of large images there are few
    assert experiment._some_images().shape == (3, 12, 12, 1)
    other = tmp_path / "other"
    with tiny.unlocked():
        tiny.model.weights = str(tmp_path / "run")  # another run's network keeps its own
    state, _ = experiment.pretrained(experiment.random_state())
    with tiny.unlocked():
        tiny.data.split_seed = 1
    loop.train_and_evaluate(tiny, other)
    with Checkpoints(other) as checkpoints:
        again = checkpoints.restore(experiment.random_state()).batch_stats["backbone"]["whitening"]
    assert (again == kept).all()
