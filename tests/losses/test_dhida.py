import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.errors import UserError
from jaxhash.losses import Codes, Task, dhida

RANDOM = np.random.RandomState(0)
CLASSES = np.array([0, 1, 2, 0, 1, 1, 2, 0])
LABELS = np.eye(3, dtype=np.uint8)[CLASSES]


def codes(u, index=None):
    index = np.arange(len(u)) if index is None else index
    return Codes(jnp.array(u, jnp.float32), jnp.array(LABELS[: len(u)]), jnp.array(index))


def by_hand(u, gamma, f):
    """Equations 11 to 13 pair by pair."""
    u = f(u)
    total, count = 0.0, 0
    for i in range(len(u)):
        for j in range(len(u)):
            if i != j:
                theta = u[i] @ u[j] / 2
                total += np.log(1 + np.exp(theta)) - (CLASSES[i] == CLASSES[j]) * theta
                count += 1
    return total / count + gamma * sum(u[:, n].mean() ** 2 for n in range(u.shape[1]))


def cut(u):
    return np.clip(u, -1, 1)


@pytest.mark.parametrize(
    ("quantizer", "f"), [("piecewise", cut), ("clipped", cut), ("identity", lambda u: u)]
)
def test_value_is_that_of_the_equations(quantizer, f):
    u = RANDOM.normal(size=(8, 5))
    loss = dhida.build(gamma=0.1, quantizer=quantizer)
    got, state, metrics = jax.jit(loss.apply)((), codes(u), codes(u))
    assert got.shape == (8,) and state == ()
    np.testing.assert_allclose(got.mean(), by_hand(u, 0.1, f), rtol=1e-5)
    np.testing.assert_allclose(metrics["likelihood"], by_hand(u, 0.0, f), rtol=1e-5)


def test_a_value_worked_by_hand():
    """Two images of two classes with the same code (1, 1): theta = 1, balance = 1 + 1."""
    u = np.ones((2, 2))
    value = dhida.build(gamma=0.1).apply((), codes(u), codes(u))[0]
    np.testing.assert_allclose(value, np.log(1 + np.e) + 0.2, rtol=1e-6)


def test_order_of_the_batch_changes_nothing():
    u, order = RANDOM.normal(size=(8, 5)), RANDOM.permutation(8)
    shuffled = jax.tree.map(lambda x: x[order], codes(u))
    apply = dhida.build().apply
    np.testing.assert_allclose(
        apply((), shuffled, shuffled)[0], apply((), codes(u), codes(u))[0][order], rtol=1e-5
    )


@pytest.mark.parametrize("balance_axis", dhida.BALANCE_AXES)
def test_gradient_is_numerical(balance_axis):
    loss = dhida.build(quantizer="identity", balance_axis=balance_axis)

    def value(u):
        rows = codes(np.zeros((8, 5)))._replace(u=u)
        return loss.apply((), rows, rows)[0].mean()

    u = jnp.array(RANDOM.normal(size=(8, 5)), jnp.float32)
    check_grads(value, (u,), order=1, modes=["rev"], rtol=0.01)


def test_gradient_is_that_of_equation_16():
    """With mean for sum and without self-pairs: half the sum over both places of a pair."""
    u = np.clip(RANDOM.normal(size=(8, 5)), -0.9, 0.9)
    similar = CLASSES[:, None] == CLASSES[None, :]
    a = 1 / (1 + np.exp(-u @ u.T / 2))
    weight = np.where(np.eye(8, dtype=bool), 0, a - similar) / (8 * 7)
    expected = 0.5 * weight @ u + 0.5 * weight.T @ u + 0.1 * 2 * u.mean(0) / 8

    def value(u):
        rows = codes(np.zeros((8, 5)))._replace(u=u)
        return dhida.build(gamma=0.1).apply((), rows, rows)[0].mean()

    got = jax.grad(value)(jnp.array(u, jnp.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


def test_an_image_is_not_paired_with_itself_even_when_it_comes_twice():
    u = np.array([[3.0, 3.0], [3.0, 3.0]])
    twice = codes(u, index=[5, 5])
    assert not dhida.build(gamma=0.0).apply((), twice, twice)[0].any()


def test_bank_pairs_with_what_was_seen_and_with_nothing_else():
    loss = dhida.build(gamma=0.0, memory_bank=True, quantizer="identity")
    task_labels = np.zeros((20, 3), np.uint8)
    task_labels[[3, 4, 5, 6]] = LABELS[:4]
    task_labels[:3] = LABELS[:3]
    state = loss.init(Task(bits=5, labels=task_labels))
    first, second = RANDOM.normal(size=(2, 4, 5))
    rows = codes(first, index=[3, 4, 5, 6])
    value, state, _ = loss.apply(state, rows, rows)
    plain = dhida.build(gamma=0.0, quantizer="identity").apply((), rows, rows)[0]
    np.testing.assert_allclose(value, plain, rtol=1e-5)
    assert state.seen.sum() == 4

    rows = codes(second, index=[0, 1, 2, 3])  # image 3 comes again, with a new code
    rows = rows._replace(labels=jnp.array(task_labels[:4]))
    value, state, _ = loss.apply(state, rows, rows)
    known = np.concatenate([second, first[1:]])
    classes = np.concatenate([CLASSES[:3], CLASSES[:4]])
    for i in range(4):
        terms = [
            np.logaddexp(0, second[i] @ known[j] / 2)
            - (classes[i] == classes[j]) * (second[i] @ known[j] / 2)
            for j in range(7)
            if j != i
        ]
        np.testing.assert_allclose(value[i], np.mean(terms), rtol=1e-5)
    assert state.seen.sum() == 7


def test_codes_in_the_bank_get_no_gradient():
    loss = dhida.build(gamma=0.0, memory_bank=True, quantizer="identity")
    state = loss.init(Task(bits=5, labels=LABELS))
    rows = codes(RANDOM.normal(size=(8, 5)))

    def through_columns(u):
        return loss.apply(state, rows, rows._replace(u=u))[0].sum()

    assert not jax.grad(through_columns)(rows.u).any()


@pytest.mark.parametrize("options", [{"quantizer": "tan"}, {"balance_axis": "channels"}])
def test_unknown_options_are_refused(options):
    with pytest.raises(UserError, match=next(iter(options.values()))):
        dhida.build(**options)
