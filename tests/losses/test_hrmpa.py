import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.errors import UserError
from jaxhash.losses import Codes, Task, _centres, adsh, hrmpa
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank

RANDOM = np.random.RandomState(0)
CLASSES = np.array([0, 1, 2, 0, 1, 1, 2, 0, 2])
LABELS = np.eye(3, dtype=np.uint8)[CLASSES]
TASK = Task(bits=8, labels=LABELS)
SEVERAL = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]], np.uint8)


def rows_of(u, index, labels=LABELS):
    return Codes(jnp.asarray(u, jnp.float32), jnp.array(labels[index]), jnp.array(index))


def by_hand(
    u, index, seen_u, v, known, labels, weight, margin, gamma, balanced, centres="published"
):
    """Image by image, and pair by pair, on tanh(u)."""
    k = u.shape[1]
    targets, tie = _centres.centres(centres, labels.shape[1], k)
    similar = (labels @ labels.T) > 0
    pairs = [(i, j) for i in index for j in range(len(labels)) if known[j]]
    share = np.mean([similar[pair] for pair in pairs])
    dissimilar = -share / (1 - share) if balanced else -1.0
    losses = []
    for row, i in enumerate(index):
        votes = labels[i] @ targets
        t = np.where(votes == 0, tie, np.sign(votes))
        polar = np.mean(np.maximum(margin - seen_u[row] * t, 0))
        terms = [
            (seen_u[row] @ v[j] / k - (1.0 if similar[i, j] else dissimilar)) ** 2
            for j in range(len(labels))
            if known[j]
        ]
        own = np.mean((v[i] - seen_u[row]) ** 2)
        losses.append(weight * polar + (1 - weight) * (np.mean(terms) + gamma * own))
    return losses


@pytest.mark.parametrize("labels", [LABELS, SEVERAL], ids=["single", "several"])
@pytest.mark.parametrize("options", [(0.5, 1.0, 0.1, True), (0.2, 0.5, 0.7, False)])
@pytest.mark.parametrize("centres", _centres.CHOICES)
def test_value_with_codes_of_the_network(labels, options, centres):
    index = [1, 3, 0]
    u = RANDOM.normal(size=(3, 8))
    loss = hrmpa.build(*options, centres=centres)
    rows = rows_of(u, index, labels)
    got, state, _ = jax.jit(loss.apply)(loss.init(Task(8, labels)), rows, rows)
    z = np.tanh(u)
    v, known = np.zeros((len(labels), 8)), np.zeros(len(labels), bool)
    v[index], known[index] = np.where(z >= 0, 1, -1), True
    np.testing.assert_allclose(
        got, by_hand(u, index, z, v, known, labels, *options, centres), rtol=1e-4, atol=1e-6
    )
    assert np.array_equal(state.bank.seen, known)


def test_value_with_learnt_codes():
    index = [8, 2, 5, 0]
    u = RANDOM.normal(size=(4, 8))
    loss = hrmpa.build(db_codes="learnt")
    state = loss.init(TASK)
    rows = rows_of(u, index)
    got, _, _ = loss.apply(state, rows, rows)
    everything = np.ones(9, bool)
    expected = by_hand(
        u, index, np.tanh(u), np.asarray(state.learnt), everything, LABELS, 0.5, 1.0, 0.1, True
    )
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_learnt_codes_begin_at_random_by_the_seed():
    init = hrmpa.build(db_codes="learnt").init
    first, again, other = (init(TASK._replace(seed=seed)).learnt for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("labels", [LABELS, SEVERAL], ids=["single", "several"])
def test_learning_codes_descends_and_each_bit_is_the_better_one(balanced, labels):
    n, k, gamma = len(labels), 8, 0.1
    u = np.tanh(RANDOM.normal(size=(n, k)))
    bank = Bank(jnp.array(u, jnp.float32), jnp.array(labels), jnp.ones(n, bool))
    similar = (labels @ labels.T) > 0
    share = similar.mean()
    wanted = np.where(similar, 1.0, -share / (1 - share) if balanced else -1.0)

    def objective(v):
        return ((u @ v.T - k * wanted) ** 2).sum() + gamma * n * k * ((v - u) ** 2).sum()

    v = RANDOM.choice([-1.0, 1.0], size=(n, k))
    expected = v.copy()
    for bit in range(k):  # every bit of every code in turn, both values tried
        for j in range(n):
            tried = []
            for value in (-1.0, 1.0):
                expected[j, bit] = value
                tried.append(objective(expected))
            expected[j, bit] = (-1.0, 1.0)[int(np.argmin(tried))]
    got = np.asarray(adsh.learn_codes(jnp.array(v, jnp.float32), bank, gamma * n * k, balanced))
    assert np.array_equal(got, expected)
    assert objective(got) < objective(v)


def test_centres_are_the_chosen_ones_and_by_default_those_of_older_runs():
    task = Task(bits=32, labels=np.eye(10, dtype=np.uint8))
    older, default = _centres.published(11, 32), hrmpa.build().init(task)
    assert np.array_equal(default.centres, older[:10]) and np.array_equal(default.tie, older[10])
    chosen = hrmpa.build(centres="balanced").init(task)
    assert np.array_equal(chosen.centres, _centres.balanced(10, 32))


def test_after_an_epoch_the_learnt_codes_are_new_and_are_the_database():
    loss = hrmpa.build(db_codes="learnt")
    state = loss.init(TASK)
    rows = rows_of(RANDOM.normal(size=(9, 8)), np.arange(9))
    _, state, _ = loss.apply(state, rows, rows)
    after = jax.jit(loss.after_epoch)(state)
    assert not np.array_equal(after.learnt, state.learnt)
    assert np.array_equal(loss.database_codes(after), after.learnt)
    assert set(np.unique(after.learnt)) == {-1, 1}


def test_gradient_is_numerical():
    loss = hrmpa.build(db_codes="learnt")
    state = loss.init(TASK)

    def value(u):
        rows = rows_of(u, np.arange(9))
        return loss.apply(state, rows, rows)[0].mean()

    u = jnp.array(RANDOM.normal(size=(9, 8)), jnp.float32)
    check_grads(value, (u,), order=1, modes=["rev"], rtol=0.01, atol=1e-3)


def test_many_rows_at_once_are_as_one(monkeypatch):
    labels = np.eye(3, dtype=np.uint8)[RANDOM.randint(0, 3, 50)]
    u = jnp.array(np.tanh(RANDOM.normal(size=(50, 4))), jnp.float32)
    bank = Bank(u, jnp.array(labels), jnp.ones(50, bool))
    v = jnp.ones((50, 4))
    whole = adsh.learn_codes(v, bank, 20.0, True)
    monkeypatch.setattr(pairs, "ROWS_AT_ONCE", 7)
    assert np.array_equal(adsh.learn_codes(v, bank, 20.0, True), whole)


@pytest.mark.parametrize(
    "options", [{"db_codes": "learned"}, {"weight": 1.5}, {"centres": "hadamard"}]
)
def test_unknown_options_are_refused(options):
    with pytest.raises(UserError, match=r"loss\.hrmpa"):
        hrmpa.build(**options)
