"""What holds for every loss: order does not matter, and gradients are those of differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.losses import Codes, Task
from tests.losses.reference import SINGLE, outputs

LOSSES = registry.names("jaxhash.losses")
# Their gradient is none of a difference.
STRAIGHT_THROUGH = {
    "bihalf",
    "cibhash",
    "dbdh",
    "dhida",
    "greedyhash_unsupervised",
    "hrmpa",
    "pgdh",
}
ORDER = np.array([4, 2, 6, 0, 1, 5, 3])


def case(name):
    kind = registry.find("jaxhash.losses", name)
    small = {"bgan": {"nearest": 2, "shared": 2}, "dihn": {"new_classes": 1}}
    loss = kind.build(**small.get(name, {}))
    random = np.random.RandomState(1)
    logits, features = random.normal(size=(7, 3)), random.normal(size=(7, 4))
    u = outputs() * 0.8 + 0.05 * np.sign(outputs())
    rows = Codes(
        jnp.asarray(u, jnp.float32),
        jnp.asarray(SINGLE),
        jnp.arange(7) // loss.views,
        jnp.asarray(logits),
        jnp.asarray(features),
        jnp.arange(7),
    )
    task = Task(6, SINGLE, total_steps=10, features=lambda: features)
    state = loss.init(task)
    return loss, loss.prepare(state, task) if loss.prepare else state, rows


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_a_batch_does_not_matter(name):
    loss, state, rows = case(name)
    found, after, metrics = loss.apply(state, rows, rows)
    other = jax.tree.map(lambda x: x[ORDER], rows)
    again, other_after, other_metrics = loss.apply(state, other, other)
    np.testing.assert_allclose(again, np.asarray(found)[ORDER], rtol=1e-5, atol=1e-6)
    for key in metrics:
        np.testing.assert_allclose(other_metrics[key], metrics[key], rtol=1e-4, atol=1e-6)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(other_after), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_of_a_part_have_the_losses_of_the_whole(name):
    """As on several devices: the columns are the global batch."""
    loss, state, rows = case(name)
    found, after, _ = loss.apply(state, rows, rows)
    part = jax.tree.map(lambda x: x[2:5], rows)
    of_part, part_after, _ = loss.apply(state, part, rows)
    np.testing.assert_allclose(of_part, found[2:5], rtol=1e-5, atol=1e-6)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(part_after), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - STRAIGHT_THROUGH))
def test_the_gradient_is_that_of_differences(name):
    loss, state, rows = case(name)

    def value(u):
        codes = rows._replace(u=u)
        return loss.apply(state, codes, codes)[0].sum()

    gradient = jax.grad(value)(rows.u)
    random, step = np.random.RandomState(2), 1e-2
    for _ in range(3):
        direction = jnp.asarray(random.normal(size=rows.u.shape), jnp.float32)
        direction /= jnp.linalg.norm(direction)
        ahead, behind = (value(rows.u + sign * step * direction) for sign in (1, -1))
        slope = float((gradient * direction).sum())
        size = float(jnp.linalg.norm(gradient))
        assert abs(float(ahead - behind) / (2 * step) - slope) < 0.02 * size + 1e-4


def test_every_method_that_the_papers_compare_with_is_a_module_of_its_name():
    names = (
        *("dsh", "dhn", "dpsh", "dtsh", "lcdsh", "hashnet", "dsdh", "idhn", "dfh", "dbdh", "dch"),
        *("adsh", "dihn", "greedyhash", "csq", "dpn", "cnnh", "ninh", "sdhp", "pgdh", "bgan"),
        *("hashgan", "transhash", "hashformer", "vts16csq", "orthohash", "bihalf", "jmlh"),
        *("dshsd", "sdhc", "cibhash", "greedyhash_unsupervised", "dhida", "dah", "adh", "hrmpa"),
    )
    assert set(names) <= set(LOSSES)
    for name in names:
        assert registry.find("jaxhash.losses", name).build().apply
