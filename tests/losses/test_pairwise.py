"""Pairwise losses against their equations, pair by pair, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.errors import UserError
from jaxhash.losses import Task, dbdh, dch, dhn, hashnet, idhn, lcdsh
from tests.losses.reference import (
    LABELS,
    SEVERAL,
    SINGLE,
    batch,
    cosine,
    entropy,
    outputs,
    over_pairs,
    sign,
    weights,
)

LOGITS = np.random.RandomState(1).normal(size=(7, 3))


def likelihood(x, s):
    return np.logaddexp(0, x) - s * x


def dpsh_reference(u, labels, eta=0.1):
    pair = over_pairs(lambda i, j, s: likelihood(u[i] @ u[j] / 2, s), labels)
    return pair + eta * ((sign(u) - u) ** 2).mean(axis=1)


def distance_reference(u, labels, margin=2.0):
    def pair(i, j, s):
        d = ((u[i] - u[j]) ** 2).sum()
        return d / 2 if s else max(margin * u.shape[1] - d, 0) / 2

    return over_pairs(pair, labels)


def dsh_reference(u, labels, margin=2.0, alpha=0.01):
    away = np.abs(np.abs(u) - 1).sum(axis=1)
    # alpha (|..|_i + |..|_j) over the pairs has the mean of 2 alpha |..|_i.
    return distance_reference(u, labels, margin) + 2 * alpha * away


def dshsd_reference(u, labels, margin=2.0, alpha=0.05):
    return entropy(LOGITS, labels) + alpha * distance_reference(np.tanh(u), labels, margin)


def dhn_reference(u, labels, quantisation_weight=0.1):
    z = np.tanh(u)
    pair = over_pairs(lambda i, j, s: likelihood(z[i] @ z[j], s), labels)
    return pair + quantisation_weight * np.log(np.cosh(np.abs(z) - 1)).mean(axis=1)


def lcdsh_reference(u, labels, locality_weight=3.0):
    def sigma(x):
        return 1 / (1 + np.exp(-x))

    b = sign(u)

    def pair(i, j, s):
        theta = u[i] @ u[j] / 2
        local = (sigma(theta) - sigma(b[i] @ b[j] / 2)) ** 2
        return np.log(1 + np.exp(-(1 if s else -1) * theta)) + locality_weight * local

    return over_pairs(pair, labels)


def hashnet_reference(u, labels, alpha=10.0):
    h, w = np.tanh(u), weights(labels)

    def pair(i, j, s):
        both = (labels[i] & labels[j]).sum()
        c = both / (labels[i] | labels[j]).sum() if s else 1.0
        return c * w[bool(s)] * likelihood(alpha / u.shape[1] * h[i] @ h[j], s)

    return over_pairs(pair, labels)


def idhn_reference(u, labels, gamma=0.1, alpha=0.1):
    d, bits = u / (1 + np.abs(u)), u.shape[1]

    def pair(i, j, _):
        s = cosine(labels[i].astype(float), labels[j].astype(float))
        x = d[i] @ d[j]
        if s < 0.01 or s > 0.99:
            return likelihood(5 / bits * x, s)
        return gamma * bits * ((x + bits) / (2 * bits) - s) ** 2

    return over_pairs(pair, labels) + alpha * np.abs(np.abs(d) - 1).mean(axis=1)


def dbdh_reference(u, labels, alpha=0.1):
    b = sign(u)
    pair = over_pairs(lambda i, j, s: likelihood(b[i] @ b[j] / 2, s), labels)
    return pair + alpha * (b.mean(axis=0) ** 2).sum()


def dch_reference(u, labels, gamma=20.0, quantisation_weight=0.1):
    bits, w = u.shape[1], weights(labels)

    def pair(i, j, s):
        d = bits / 2 * (1 - cosine(u[i], u[j]))
        p = gamma / (gamma + d)
        return w[bool(s)] * -np.log(p if s else 1 - p)

    away = np.array([bits / 2 * (1 - cosine(np.abs(x), np.ones(bits))) for x in u])
    return over_pairs(pair, labels) + quantisation_weight * np.log(1 + away / gamma)


def hashgan_reference(u, labels, alpha=10.0):
    w = weights(labels)[True]
    return over_pairs(
        lambda i, j, s: (w if s else 1) * likelihood(alpha * cosine(u[i], u[j]), s), labels
    )


REFERENCES = {
    "dpsh": (dpsh_reference, {"eta": 0.7}),
    "sdhp": (dpsh_reference, {"eta": 0.7}),
    "dsh": (dsh_reference, {"margin": 1.0, "alpha": 0.3}),
    "dshsd": (dshsd_reference, {"margin": 0.3, "alpha": 0.7}),
    "dhn": (dhn_reference, {"quantisation_weight": 0.7}),
    "lcdsh": (lcdsh_reference, {"locality_weight": 0.7}),
    "hashnet": (hashnet_reference, {"alpha": 3.0}),
    "idhn": (idhn_reference, {"gamma": 0.7, "alpha": 0.3}),
    "dbdh": (dbdh_reference, {"alpha": 0.7}),
    "dch": (dch_reference, {"gamma": 2.0, "quantisation_weight": 0.7}),
    "hashgan": (hashgan_reference, {"alpha": 2.0}),
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("defaults", [True, False])
@pytest.mark.parametrize("name", REFERENCES)
def test_value_is_that_of_the_equations(name, defaults, labels):
    reference, options = REFERENCES[name]
    options, labels, u = {} if defaults else options, LABELS[labels], outputs()
    loss = registry.find("jaxhash.losses", name).build(**options)
    rows = batch(u, labels, LOGITS)
    found, _, _ = jax.jit(loss.apply)(loss.init(Task(6, labels)), rows, rows)
    np.testing.assert_allclose(found, reference(u, labels, **options), rtol=2e-5, atol=1e-6)


def test_the_soft_term_of_idhn_is_least_where_it_should_be():
    """Half of the labels in common: at products of 0; the public port has it out of reach."""
    labels = np.array([[1, 1, 0], [1, 0, 1]], np.uint8)
    loss = idhn.build(gamma=1.0, alpha=0.0)

    def value(product):  # of d = u / (1 + |u|), of one bit
        d = np.sqrt(abs(product))
        u = np.array([[d / (1 - d)], [np.sign(product) * d / (1 - d)]])
        rows = batch(u, labels)
        return float(loss.apply((), rows, rows)[0].mean())

    values = {product: value(product) for product in (-0.5, -0.1, 0.0, 0.1, 0.5)}
    assert min(values, key=values.get) == 0.0
    assert values[-0.1] == pytest.approx(values[0.1], rel=1e-5)  # of float32


def test_hashnet_steepens_by_its_count_of_steps():
    loss = hashnet.build(gamma=1.0, every=2)
    rows = batch(outputs())
    state, betas = loss.init(Task(6, SINGLE)), []
    for _ in range(5):
        _, state, metrics = loss.apply(state, rows, rows)
        betas.append(float(metrics["beta"]))
    np.testing.assert_allclose(betas, np.sqrt([1, 1, 3, 3, 5]), rtol=1e-6)


def test_the_gradient_of_dbdh_passes_where_outputs_are_within_one():
    u = np.array([[0.5, 2.0], [-0.3, 0.2], [1.5, -0.1]])
    labels = np.eye(3, dtype=np.uint8)[[0, 0, 1]]

    def value(u):
        rows = batch(u, labels)._replace(u=u)
        return dbdh.build().apply((), rows, rows)[0].mean()

    gradient = np.asarray(jax.grad(value)(jnp.asarray(u, jnp.float32)))
    assert ((gradient != 0) == (np.abs(u) <= 1)).all()


def test_binary_codes_cost_lcdsh_no_locality():
    rows = batch(sign(outputs()))
    _, _, metrics = lcdsh.build().apply((), rows, rows)
    assert metrics["locality"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dch", "hashgan", "idhn"])
def test_outputs_of_nought_and_equal_ones_have_a_gradient(name):
    loss = registry.find("jaxhash.losses", name).build()
    for u in (jnp.zeros((7, 6)), jnp.ones((7, 6))):

        def value(u):
            rows = batch(u)._replace(u=u)
            return loss.apply((), rows, rows)[0].mean()

        found, gradient = jax.value_and_grad(value)(u)
        assert np.isfinite(found) and np.isfinite(gradient).all()


def test_a_batch_of_one_kind_of_pairs_is_finite():
    for labels in (np.eye(7, dtype=np.uint8), np.ones((7, 1), np.uint8)):
        for build in (hashnet.build, dch.build):
            loss, rows = build(), batch(outputs(), labels)
            assert np.isfinite(loss.apply(loss.init(Task(6, labels)), rows, rows)[0]).all()


def test_large_outputs_do_not_overflow():
    assert np.isfinite(dhn.log_cosh_error(jnp.array([[1e6, -1e6]]))).all()


def test_options_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"loss.dch.gamma=0: expected a number above 0"):
        dch.build(gamma=0)
    with pytest.raises(UserError, match="expected samples or bits"):
        dbdh.build(balance_axis="images")


def test_several_labels_count_their_share_in_hashnet():
    found = hashnet.overlap(jnp.asarray(SEVERAL), jnp.asarray(SEVERAL))
    assert found[0, 4] == pytest.approx(2 / 3) and found[1, 2] == 1
