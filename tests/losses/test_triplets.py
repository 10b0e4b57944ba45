"""Triplet losses against their equations, triplet by triplet, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.losses import dtsh, ninh
from jaxhash.losses._triplets import mean_over_triplets
from tests.losses.reference import LABELS, batch, outputs, sign, similar


def over_triplets(f, labels):
    """The mean of f(i, j, l) over j similar and l dissimilar to i, for each i; 0 without any."""
    s, n = similar(labels), len(labels)
    found = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        terms = [f(i, j, m) for j in others if s[i, j] for m in others if not s[i, m]]
        found.append(np.mean(terms) if terms else 0.0)
    return np.array(found)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(("margin", "weight"), [(0.5, 1.0), (0.1, 0.3)])
def test_dtsh_is_that_of_the_equations(labels, margin, weight):
    labels, u = LABELS[labels], outputs()
    theta = u @ u.T / 2

    def term(i, j, m):
        return -np.log(1 / (1 + np.exp(-(theta[i, j] - theta[i, m] - margin * 6))))

    expected = over_triplets(term, labels) + weight * ((sign(u) - u) ** 2).mean(axis=1)
    rows = batch(u, labels)
    found, _, _ = jax.jit(dtsh.build(margin, weight).apply)((), rows, rows)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("margin", [1.0, 0.1])
def test_ninh_is_that_of_the_equations(labels, margin):
    labels, u = LABELS[labels], outputs()
    f = 1 / (1 + np.exp(-u))

    def term(i, j, m):
        near, far = (((f[i] - f[x]) ** 2).sum() for x in (j, m))
        return max(0, margin + near - far)

    rows = batch(u, labels)
    found, _, _ = jax.jit(ninh.build(margin).apply)((), rows, rows)
    np.testing.assert_allclose(found, over_triplets(term, labels), rtol=2e-5, atol=1e-6)


def test_pairs_that_do_not_count_are_left_out():
    scores = jnp.asarray(np.random.RandomState(0).normal(size=(2, 5)), jnp.float32)
    near = jnp.array([[1, 1, 0, 0, 0], [0, 1, 1, 1, 0]], jnp.float32)
    valid = jnp.array([True, True, False, True, True])
    found = mean_over_triplets(
        jnp.subtract, scores, near, jnp.broadcast_to(valid[None], near.shape)
    )
    keep = np.flatnonzero(valid)
    rest = mean_over_triplets(
        jnp.subtract, scores[:, keep], near[:, keep], jnp.ones((2, len(keep)), bool)
    )
    np.testing.assert_allclose(found, rest, rtol=1e-6)
