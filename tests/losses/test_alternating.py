"""Losses that learn codes or centres beside the network: each step against a direct one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.losses import Task, _coordinates, adsh, dfh, dsdh
from jaxhash.losses._memory_bank import Bank
from tests.losses.reference import SEVERAL, SINGLE, batch, outputs, over_pairs, sign

RANDOM = np.random.RandomState(0)


def bank_of(u, labels):
    return Bank(jnp.asarray(u, jnp.float32), jnp.asarray(labels), jnp.ones(len(u), bool))


def test_dsdh_is_that_of_the_equations():
    u, codes = outputs(), sign(outputs(seed=1))
    expected = over_pairs(
        lambda i, j, s: np.logaddexp(0, u[i] @ u[j] / 2) - s * u[i] @ u[j] / 2, SINGLE
    )
    expected = expected + 0.3 * ((codes - u) ** 2).mean(axis=1)
    loss = dsdh.build(eta=0.3)
    rows = batch(u)
    state = loss.init(Task(6, SINGLE))._replace(codes=jnp.asarray(codes))
    found, after, _ = jax.jit(loss.apply)(state, rows, rows)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    np.testing.assert_allclose(after.bank.u, u, rtol=1e-6)


@pytest.mark.parametrize("labels", [SINGLE, SEVERAL], ids=["single", "several"])
def test_after_an_epoch_of_dsdh_no_other_bit_is_better(labels):
    """The classifier is the least squares one, and the last bit the best with the others held."""
    mu, nu, eta = 0.5, 0.2, 0.3
    u, codes = outputs(), sign(outputs(seed=1))
    loss = dsdh.build(mu, nu, eta)
    state = dsdh.State(bank_of(u, labels), jnp.asarray(codes))
    after = np.asarray(loss.after_epoch(state).codes)
    y = labels.astype(float)
    w = np.linalg.solve(codes.T @ codes + nu / mu * np.eye(6), codes.T @ y)

    def objective(b):
        return mu * ((y - b @ w) ** 2).sum() + eta * ((b - u) ** 2).sum()

    assert objective(after) <= objective(codes)
    for image in range(len(u)):
        other = after.copy()
        other[image, -1] *= -1
        assert objective(other) >= objective(after) - 1e-6


def test_coordinate_descent_ends_where_no_bit_is_better():
    codes, weights = sign(RANDOM.normal(size=(4, 5))), RANDOM.normal(size=(5, 3))
    y, f = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(4, 5))
    pull, products = y @ weights.T + 0.3 * f, jnp.asarray(weights @ weights.T)

    def objective(b):
        return ((y - b @ weights) ** 2).sum() + 0.3 * ((b - f) ** 2).sum()

    values = [objective(codes)]
    for _ in range(20):
        codes = np.asarray(_coordinates.descend(codes, products, jnp.asarray(pull)))
        values.append(objective(codes))
    assert all(b <= a + 1e-5 for a, b in itertools.pairwise(values))
    for i, k in np.ndindex(codes.shape):
        other = codes.copy()
        other[i, k] *= -1
        assert objective(other) >= objective(codes) - 1e-5


@pytest.mark.parametrize("labels", [SINGLE, SEVERAL], ids=["single", "several"])
def test_dfh_is_that_of_the_equations(labels):
    u, centres = outputs(), sign(outputs(6, 3, seed=1))
    share = labels / np.maximum(labels.sum(axis=1, keepdims=True), 1)
    b = sign(u + 0.7 * share @ centres)

    def pair(i, j, s):
        theta = u[i] @ u[j] / 2
        return np.log(1 + np.exp(2 - theta if s else 2 + theta))

    expected = over_pairs(pair, labels) + 0.3 * ((b - u) ** 2).mean(axis=1)
    loss = dfh.build(margin=2.0, mu=0.7, eta=0.3)
    rows = batch(u, labels)
    state = loss.init(Task(6, labels))._replace(centres=jnp.asarray(centres))
    found, _, _ = jax.jit(loss.apply)(state, rows, rows)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_centres_of_dfh_are_near_their_codes_and_apart():
    y = np.eye(2)[[0, 0, 0, 1]]
    codes = np.array([[1, 1, 1], [1, 1, -1], [1, -1, -1], [1, 1, -1]], float)
    near = dfh.learn_centres(jnp.zeros((2, 3)), y, codes, 0.0)
    assert np.array_equal(near, [[1, 1, -1], [1, 1, -1]])  # the majorities
    # By hand: class 0 as above; class 1 wants (1, 1, -1) - 3 (1, 1, -1) = (-2, -2, 2).
    apart = dfh.learn_centres(jnp.zeros((2, 3)), y, codes, 3.0)
    assert np.array_equal(apart, [[1, 1, -1], [-1, -1, 1]])
    assert np.array_equal(dfh.learn_centres(-jnp.ones((2, 3)), 0 * y, codes, 0.0), -np.ones((2, 3)))


def test_adsh_is_that_of_the_equations():
    u, v = outputs(), sign(outputs(seed=1))
    z, n, k = np.tanh(u), 7, 6
    near = (SINGLE @ SINGLE.T) > 0
    share = near.mean()  # over all pairs with the database
    expected = []
    for i in range(n):
        wanted = np.where(near[i], 1.0, -share / (1 - share))
        expected.append(
            np.mean((z[i] @ v.T / k - wanted) ** 2) + 50 / (n * k) * np.mean((v[i] - z[i]) ** 2)
        )
    loss = adsh.build(gamma=50.0)
    rows = batch(u)
    state = loss.init(Task(6, SINGLE))._replace(learnt=jnp.asarray(v, jnp.float32))
    found, _, _ = jax.jit(loss.apply)(state, rows, rows)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_codes_that_adsh_learns_lower_its_objective_bit_by_bit():
    u, v = np.tanh(outputs()), sign(outputs(seed=1))
    near = np.where((SINGLE @ SINGLE.T) > 0, 1.0, -1.0)

    def objective(v):
        return ((u @ v.T - 6 * near) ** 2).sum() + 5 * ((v - u) ** 2).sum()

    learnt = np.asarray(adsh.learn_codes(jnp.asarray(v), bank_of(u, SINGLE), 5.0, balanced=False))
    assert objective(learnt) <= objective(v)
    for image in range(len(v)):
        other = learnt.copy()
        other[image, -1] *= -1
        assert objective(other) >= objective(learnt) - 1e-4


def test_whose_codes_are_searched():
    assert adsh.build().database_codes and not adsh.build(db_codes="network").database_codes
    with pytest.raises(UserError, match="loss.adsh.db_codes=both: expected network or learnt"):
        adsh.build(db_codes="both")
    with pytest.raises(UserError, match="loss.dsdh.mu=0: expected a number above 0"):
        dsdh.build(mu=0)
