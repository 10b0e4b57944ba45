"""HashFormer: its classifier, and average precision with ties."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.losses import hashformer
from jaxhash.losses.hashformer import average_precision
from tests.losses.reference import SINGLE, batch, entropy, outputs


def precision(order):
    """The average precision of relevance, in order."""
    hits = np.cumsum(order)
    return (hits / np.arange(1, len(order) + 1))[np.array(order, bool)].mean()


@pytest.mark.slow
def test_without_ties_it_is_average_precision():
    for order in itertools.product([0, 1], repeat=5):
        if any(order):
            distance = jnp.arange(5.0)[None]
            near = jnp.array([order], jnp.float32)
            found = average_precision(distance, near, jnp.ones((1, 5), bool), 4)
            np.testing.assert_allclose(found[0], precision(order), rtol=1e-6)


def test_with_ties_it_is_between_the_worst_and_the_best_order():
    distance = jnp.array([[0.0, 1.0, 1.0, 1.0, 2.0]])
    near = jnp.array([[1.0, 1.0, 0.0, 1.0, 0.0]])
    found = float(average_precision(distance, near, jnp.ones((1, 5), bool), 2)[0])
    orders = [precision([1, *middle, 0]) for middle in itertools.permutations([1, 0, 1])]
    assert min(orders) < found < max(orders)


def test_a_similar_image_that_comes_nearer_raises_it():
    def value(x):
        distance = jnp.stack([jnp.array(0.5), x, jnp.array(1.4)])[None]
        return average_precision(distance, jnp.array([[0.0, 1.0, 0.0]]), jnp.ones((1, 3), bool), 3)[
            0
        ]

    assert jax.grad(value)(1.2) < 0


def test_value_is_entropy_and_precision():
    u, logits = outputs(), np.random.RandomState(1).normal(size=(7, 3))
    v = np.tanh(u)
    rows = batch(u, SINGLE, logits)
    found, _, metrics = jax.jit(hashformer.build(0.5).apply)((), rows, rows)
    valid = ~np.eye(7, dtype=bool)
    near = ((SINGLE @ SINGLE.T) > 0).astype(np.float32)
    smooth = average_precision(jnp.asarray((6 - v @ v.T) / 2), near, jnp.asarray(valid), 6)
    np.testing.assert_allclose(
        found, entropy(logits, SINGLE) + 0.5 * (1 - np.asarray(smooth)), rtol=1e-4
    )
    np.testing.assert_allclose(metrics["average_precision"], smooth.mean(), rtol=1e-5)
