import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.losses import Codes, dah

RANDOM = np.random.RandomState(0)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def batch(u, logits=None):
    logits = np.zeros((len(u), 3)) if logits is None else logits
    return Codes(
        jnp.array(u, jnp.float32),
        jnp.array(np.eye(3, dtype=np.uint8)[CLASSES[: len(u)]]),
        jnp.arange(len(u)),
        jnp.array(logits, jnp.float32),
    )


def by_hand(u, logits, phi1, phi2, weight):
    """Equations 1 to 6 pair by pair, and cross-entropy."""
    x = 1 / 4 + 1 / (2 * (1 + np.exp(-u)))
    n, k = x.shape
    pairs = 0.0
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            if CLASSES[i] == CLASSES[j]:
                w1 = np.linalg.norm(x[i] - x[j])
            else:
                w1 = abs(k / 4.8 + np.log(1 - np.abs(x[i] - x[j])).sum())
            w2 = ((x[i] - 0.5).sum() + (x[j] - 0.5).sum()) ** 2
            pairs += phi1 * w1 + phi2 * w2
    odds = np.exp(logits)
    entropy = -np.log(odds[np.arange(n), CLASSES[:n]] / odds.sum(axis=1)).mean()
    return pairs / (n * (n - 1)) + weight * entropy


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 0, 0), (0.5, 2, 3)])
def test_value_is_that_of_the_equations(weights):
    u, logits = 2 * RANDOM.normal(size=(6, 12)), RANDOM.normal(size=(6, 3))
    rows = batch(u, logits)
    got, state, metrics = jax.jit(dah.build(*weights).apply)((), rows, rows)
    assert got.shape == (6,) and state == ()
    np.testing.assert_allclose(got.mean(), by_hand(u, logits, *weights), rtol=1e-5)
    right = (logits.argmax(axis=1) == CLASSES).mean()
    np.testing.assert_allclose(metrics["accuracy"], right)


@pytest.mark.slow
def test_gradient_is_numerical():
    u = jnp.array(2 * RANDOM.normal(size=(6, 5)), jnp.float32)
    logits = jnp.array(RANDOM.normal(size=(6, 3)), jnp.float32)

    def value(u, logits):
        rows = batch(np.zeros((6, 5)))._replace(u=u, logits=logits)
        return dah.build().apply((), rows, rows)[0].mean()

    check_grads(value, (u, logits), order=1, modes=["rev"], rtol=0.01, atol=1e-3)


def test_equal_codes_have_a_finite_gradient():
    """The norm of a difference has none at 0, and every pair of an image with itself is there."""

    def value(u):
        rows = batch(np.zeros((6, 4)))._replace(u=u)
        return dah.build().apply((), rows, rows)[0].mean()

    assert np.isfinite(jax.grad(value)(jnp.ones((6, 4)))).all()


def test_dissimilar_codes_rest_where_the_distance_is_the_threshold():
    """Saturated bits: k = 12, t = 2.5; 3.6 differing bits would be without loss."""
    x = jnp.full((1, 12), 0.25)
    losses = [
        float(dah.dissimilar_distance(x, x.at[0, :count].set(0.75), 12 / 4.8)[0, 0])
        for count in range(13)
    ]
    assert int(np.argmin(losses)) == 4
    np.testing.assert_allclose(losses[4], 4 * np.log(2) - 2.5, rtol=1e-5)


def test_a_classifier_and_single_labels_are_asked_for():
    loss = dah.build()
    assert loss.needs_logits and loss.single_label
