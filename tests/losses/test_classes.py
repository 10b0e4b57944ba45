import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.losses import Codes, greedyhash
from jaxhash.losses import _classes as classes

RANDOM = np.random.RandomState(0)


def test_cross_entropy_shares_itself_among_the_labels():
    logits = RANDOM.normal(size=(3, 4))
    labels = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = [-log[0, 0], -(log[1, 0] + log[1, 2]) / 2, 0]
    np.testing.assert_allclose(classes.cross_entropy(logits, labels), expected, rtol=1e-5)


def test_targets_follow_the_majority_and_ties_the_given_code():
    codes = np.array([[1, 1, -1], [1, -1, -1], [-1, 1, -1]])
    tie = np.array([1, -1, 1])
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]])
    expected = [[1, 1, -1], [1, -1, -1], [1, 1, -1], [1, -1, 1]]
    assert np.array_equal(classes.target(codes, labels, tie), expected)


def test_greedy_is_entropy_and_a_cubic_penalty():
    u, logits = RANDOM.normal(size=(4, 6)), RANDOM.normal(size=(4, 3))
    labels = np.eye(3)[[0, 1, 2, 0]]
    rows = Codes(jnp.array(u), jnp.array(labels), jnp.arange(4), jnp.array(logits))
    got, _, metrics = greedyhash.build(alpha=0.3).apply((), rows, rows)
    cubic = np.array([np.mean([abs(abs(x) - 1) ** 3 for x in row]) for row in u])
    entropy = np.log(np.exp(logits).sum(axis=1)) - (logits * labels).sum(axis=1)
    np.testing.assert_allclose(got, entropy + 0.3 * cubic, rtol=1e-5)
    np.testing.assert_allclose(metrics["penalty"], cubic.mean(), rtol=1e-5)


@pytest.mark.parametrize("shift", [-1.7, -0.4, 0.3, 1.6])
def test_gradient_of_the_penalty_is_numerical(shift):
    u = jnp.array(shift + 0.1 * RANDOM.uniform(size=(3, 5)), jnp.float32)
    check_grads(greedyhash.penalty, (u,), order=1, modes=["rev"], rtol=0.01)
