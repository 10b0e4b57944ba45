"""DIHN: with all classes there it is ADSH, and a class that comes later changes nothing before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.losses import Task, adsh, dihn
from tests.losses.reference import SINGLE, batch, outputs, sign

N, K = 7, 6
TASK = Task(K, SINGLE, total_steps=10)
NEW = SINGLE[:, 2] > 0


def begun(loss, step, learnt):
    state = loss.init(TASK)
    return state._replace(learnt=jnp.asarray(learnt, jnp.float32), step=jnp.asarray(step))


@pytest.mark.slow
def test_without_new_classes_and_balance_it_is_adsh():
    learnt, rows = sign(outputs(seed=1)), batch(outputs())
    ours, theirs = dihn.build(balance_weight=0.0, new_classes=0), adsh.build()
    state, other = begun(ours, 3, learnt), theirs.init(TASK)._replace(learnt=jnp.asarray(learnt))
    found, state, _ = jax.jit(ours.apply)(state, rows, rows)
    expected, other, _ = theirs.apply(other, rows, rows)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    after, after_other = ours.after_epoch(state), theirs.after_epoch(other)
    np.testing.assert_array_equal(after.learnt, after_other.learnt)


def test_the_balance_is_the_square_of_the_mean_of_each_bit():
    learnt, u = sign(outputs(seed=1)), outputs()
    rows = batch(u)
    values = [
        dihn.build(balance_weight=weight, new_classes=0).apply(
            begun(dihn.build(new_classes=0), 0, learnt), rows, rows
        )[0]
        for weight in (0.0, 4.0)
    ]
    expected = 4.0 * N / (N * K**2) * (np.tanh(u).mean(axis=0) ** 2).sum()
    np.testing.assert_allclose(values[1] - values[0], np.full(N, expected), rtol=1e-4)


def test_new_classes_count_from_the_middle_of_the_training_on():
    loss = dihn.build(new_classes=1)
    learnt, u = sign(outputs(seed=1)), outputs()
    other = np.where(NEW[:, None], outputs(seed=2), u)
    first, second = (
        [loss.apply(begun(loss, step, learnt), rows, rows)[0] for rows in (batch(u), batch(other))]
        for step in (4, 5)
    )
    np.testing.assert_array_equal(first[0], first[1])
    assert (np.asarray(first[0])[NEW] == 0).all() and (np.asarray(first[0])[~NEW] > 0).all()
    assert (np.asarray(second[0]) > 0).all() and not np.array_equal(second[0], second[1])


@pytest.mark.parametrize(("step", "free"), [(4, ~NEW), (6, NEW)])
def test_codes_are_learnt_of_the_images_that_came_last_and_lower_the_objective(step, free):
    loss = dihn.build(gamma=5.0, balanced=False, new_classes=1)
    u, learnt = np.tanh(outputs()), sign(outputs(seed=1))
    state = begun(loss, step, learnt)
    bank = state.bank._replace(u=jnp.asarray(u, jnp.float32), seen=jnp.ones(N, bool))
    found = np.asarray(loss.after_epoch(state._replace(bank=bank)).learnt)
    np.testing.assert_array_equal(found[~free], learnt[~free])
    asking = ~NEW if step < 5 else np.ones(N, bool)
    near = np.where((SINGLE @ SINGLE.T) > 0, 1.0, -1.0)

    def objective(v):
        pull = 5 * ((v - u) ** 2)[asking].sum()
        return ((u @ v.T - K * near) ** 2)[asking][:, free].sum() + pull

    assert objective(found) <= objective(learnt)
    for image in np.flatnonzero(free):
        flipped = found.copy()
        flipped[image, -1] *= -1
        assert objective(flipped) >= objective(found) - 1e-4


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="loss.dihn.new_classes=3: the data have 3 classes"):
        dihn.build().init(TASK)
    with pytest.raises(UserError, match="loss.dihn.new_classes=-1"):
        dihn.build(new_classes=-1)
    with pytest.raises(UserError, match="loss.dihn.db_codes=both"):
        dihn.build(db_codes="both")
