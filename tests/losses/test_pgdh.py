"""PGDH: draws, rewards, and the gradient of their expectation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.losses import Task, pgdh
from tests.losses.reference import SINGLE, batch, outputs, over_pairs, sign, weights


def test_bits_are_drawn_by_their_probability_and_the_number_of_the_image():
    key = jax.random.key(0)
    u = np.full((2_000, 3), [2.0, 0.0, -30.0])
    rows = batch(u, np.ones((2_000, 1), np.uint8))
    drawn = np.asarray(pgdh.draw(key, rows))
    assert set(np.unique(drawn)) == {-1.0, 1.0} and (drawn[:, 2] == -1).all()
    share = (drawn > 0).mean(axis=0)
    np.testing.assert_allclose(share[:2], [1 / (1 + np.exp(-2)), 0.5], atol=0.04)
    part = jax.tree.map(lambda x: x[500:510], rows)
    assert np.array_equal(pgdh.draw(key, part), drawn[500:510])


def test_the_reward_is_agreement_weighed_by_kind():
    b, w = sign(outputs()), weights(SINGLE)

    def weighed(i, j, s):
        return w[bool(s)] * (1 if s else -1) * b[i] @ b[j] / 6

    total = over_pairs(weighed, SINGLE) / over_pairs(lambda i, j, s: w[bool(s)], SINGLE)
    near = (SINGLE @ SINGLE.T) > 0
    share = jnp.asarray(near[~np.eye(7, dtype=bool)].mean())
    rows = batch(b)
    np.testing.assert_allclose(pgdh.reward(rows, rows, share), total, rtol=1e-5)


@pytest.mark.slow
def test_its_gradient_raises_the_expected_reward():
    """Of two images of a class and one of another, the mean of many steps."""
    labels = np.eye(2, dtype=np.uint8)[[0, 0, 1]]
    loss, u = pgdh.build(), jnp.array([[1.0], [0.2], [0.1]])

    def value(u, state):
        rows = batch(u, labels)._replace(u=u)
        return loss.apply(state, rows, rows)[0].mean()

    states = jnp.stack([jnp.arange(4_000, dtype=jnp.uint32), jnp.zeros(4_000, jnp.uint32)], axis=1)
    gradient = jax.vmap(jax.grad(value), in_axes=(None, 0))(u, states).mean(axis=0)
    # The first is mostly +1: the second should follow it, the third should not.
    assert gradient[1, 0] < 0 < gradient[2, 0]


def test_the_state_counts_steps():
    loss = pgdh.build()
    rows, state = batch(outputs()), loss.init(Task(6, SINGLE, seed=5))
    first, after, _ = loss.apply(state, rows, rows)
    again, _, _ = loss.apply(state, rows, rows)
    other, _, _ = loss.apply(after, rows, rows)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert after.tolist() == [5, 1]
