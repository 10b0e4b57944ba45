"""Losses with a target for each class, against their equations in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.errors import UserError
from jaxhash.losses import Task, _centres, csq, dpn, orthohash
from jaxhash.losses._memory_bank import Bank
from tests.losses.reference import LABELS, batch, cosine, entropy, outputs


def targets(labels, bits, choice):
    """The code of each image's class, or the bitwise majority of several."""
    codes, tie = _centres.centres(choice, labels.shape[1], bits)
    votes = labels.astype(int) @ codes
    return codes, np.where(votes == 0, tie, np.sign(votes))


def applied(loss, u, labels):
    rows = batch(u, labels)
    return jax.jit(loss.apply)(loss.init(Task(u.shape[1], labels)), rows, rows)[0]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("choice", _centres.CHOICES)
@pytest.mark.parametrize("weight", [0.05, 0.7])
def test_csq_is_that_of_the_equations(labels, choice, weight):
    labels, u = LABELS[labels], outputs(8)
    _, t = targets(labels, 8, choice)
    p, wanted = (np.tanh(u) + 1) / 2, (t + 1) / 2
    central = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)).mean(axis=1)
    expected = central + weight * ((np.abs(np.tanh(u)) - 1) ** 2).mean(axis=1)
    np.testing.assert_allclose(applied(csq.build(weight, choice), u, labels), expected, rtol=2e-5)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("margin", [1.0, 0.2])
def test_dpn_is_that_of_the_equations(labels, margin):
    labels, u = LABELS[labels], outputs(8)
    _, t = targets(labels, 8, "published")
    expected = np.maximum(margin - u * t, 0).mean(axis=1)
    found = applied(dpn.build(margin), u, labels)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("kind", orthohash.KINDS)
def test_orthohash_is_that_of_the_equations(labels, kind):
    labels, u = LABELS[labels], outputs(8)
    codes, _ = targets(labels, 8, "published")
    cosines = np.array([[cosine(x, code) for code in codes] for x in u])
    if kind == "cos":
        logits = 3 * (cosines - 0.3 * labels)
    else:
        logits = 3 * np.cos(np.arccos(cosines) + 0.3 * labels)
    found = applied(orthohash.build(kind, scale=3.0, margin=0.3), u, labels)
    np.testing.assert_allclose(found, entropy(logits, labels), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", orthohash.KINDS)
def test_outputs_on_a_centre_and_of_nought_have_a_gradient(kind):
    labels = np.eye(2, dtype=np.uint8)
    loss = orthohash.build(kind)
    codes = loss.init(Task(4, labels))
    for u in (codes, -codes, jnp.zeros((2, 4))):

        def value(u):
            rows = batch(u, labels)._replace(u=u)
            return loss.apply(codes, rows, rows)[0].mean()

        assert np.isfinite(jax.grad(value)(jnp.asarray(u, jnp.float32))).all()


@pytest.mark.parametrize("name", ["csq", "dpn", "orthohash"])
@pytest.mark.parametrize(("bits", "count"), [(12, 10), (48, 10), (7, 3), (16, 200)])
def test_there_are_centres_for_any_length_and_number_of_classes(name, bits, count):
    loss = registry.find("jaxhash.losses", name).build()
    labels = np.eye(count, dtype=np.uint8)[np.arange(20) % count]
    losses = applied(loss, outputs(bits, 20), labels)
    assert losses.shape == (20,) and np.isfinite(losses).all()


@pytest.mark.parametrize("name", ["csq", "dpn", "orthohash"])
def test_unknown_centres_are_refused(name):
    with pytest.raises(UserError, match=f"loss.{name}.centres=random: expected published or bal"):
        registry.find("jaxhash.losses", name).build(centres="random")


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match="loss.orthohash.kind=sin: expected cos or arc"):
        orthohash.build("sin")


def test_targets_of_dpn_adapt_to_the_codes_of_their_class():
    u = np.array([[2.0, -2.0, 0.3], [2.0, 3.0, -0.2], [0.1, 4.0, -5.0]])
    labels = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.uint8)
    bank = Bank(jnp.asarray(u, jnp.float32), jnp.asarray(labels), jnp.ones(3, bool))
    before = -jnp.ones((3, 3))
    # 2 for +1; tied, and nothing beyond the margin: stay; of another class; of none: stays.
    expected = [[1, -1, -1], [-1, 1, -1], [-1, -1, -1]]
    assert np.array_equal(dpn.adapt(before, bank, 1.0), expected)

    loss = dpn.build(adaptive=True)
    rows = batch(u, labels)
    _, state, _ = loss.apply(loss.init(Task(3, labels)), rows, rows)
    after = loss.after_epoch(state)
    assert np.array_equal(after.centres, dpn.adapt(state.centres, bank, 1.0))
