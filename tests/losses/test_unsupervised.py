"""Losses without labels, those of a probability, and CNNH: against NumPy, and their heads."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.distributed import devices
from jaxhash.errors import UserError
from jaxhash.losses import (
    Task,
    bgan,
    bihalf,
    cibhash,
    cnnh,
    greedyhash_unsupervised,
)
from jaxhash.models import quantizers
from tests.losses.reference import LABELS, SINGLE, batch, cosine, entropy, outputs, sign

RANDOM = np.random.RandomState(3)
find = partial(registry.find, "jaxhash.losses")
FEATURES = RANDOM.normal(size=(7, 5))
LOGITS = RANDOM.normal(size=(7, 3))
U = outputs()


def with_features(u):
    return batch(u)._replace(features=jnp.asarray(FEATURES, jnp.float32), place=jnp.arange(len(u)))


def halves(u):
    """+1 for the larger half: of seven, the three above the median."""
    return np.where(u.argsort(axis=0).argsort(axis=0) > len(u) // 2, 1.0, -1.0)


def lost(codes):
    n = len(codes)
    return [
        np.mean(
            [
                (cosine(codes[i], codes[j]) - cosine(FEATURES[i], FEATURES[j])) ** 2
                for j in range(n)
                if j != i
            ]
        )
        for i in range(n)
    ]


def test_bi_half_net_is_its_formula():
    rows = with_features(U)
    found, _, _ = bihalf.build().apply((), rows, rows)
    np.testing.assert_allclose(found, lost(halves(U)), rtol=1e-5)


def test_half_and_half_is_the_nearest_balanced_code_and_pulls_outputs_to_it():
    u = U[:6]
    b = np.asarray(quantizers.half_and_half(jnp.asarray(u), jnp.asarray(u), 0.0))
    for k in range(u.shape[1]):
        balanced = [
            np.array(code) for code in itertools.product([-1.0, 1.0], repeat=6) if sum(code) == 0
        ]
        nearest = min(balanced, key=lambda code, k=k: ((code - u[:, k]) ** 2).sum())
        np.testing.assert_array_equal(b[:, k], nearest)

    def value(u):
        return (quantizers.half_and_half(u, u, 0.25) * FEATURES[:6, :1]).sum()

    gradient = jax.grad(value)(jnp.asarray(u, jnp.float32))
    expected = FEATURES[:6, :1] + 0.25 * (u - b)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_the_greedy_hash_without_labels_is_its_formula():
    rows = with_features(U)
    found, _, _ = greedyhash_unsupervised.build(alpha=0.3).apply((), rows, rows)
    penalty = (np.abs(np.abs(U) - 1) ** 3).mean(axis=1)
    np.testing.assert_allclose(found, lost(sign(U)) + 0.3 * penalty, rtol=1e-5)


def test_losses_without_labels_do_not_see_them():
    for name in ("bihalf", "greedyhash_unsupervised", "cibhash"):
        loss = registry.find("jaxhash.losses", name).build()
        rows = with_features(U)._replace(index=jnp.arange(7) // loss.views)
        found = loss.apply((), rows, rows)[0]
        other = rows._replace(labels=rows.labels[::-1])
        np.testing.assert_array_equal(loss.apply((), other, other)[0], found)


def bernoulli(p, q):
    return (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum()


def test_cibhash_is_its_formula():
    """Three images of two views, and a seventh row whose other view is not here."""
    index = np.array([5, 5, 0, 0, 2, 2, 9])
    rows = with_features(U)._replace(index=jnp.asarray(index))
    found, _, metrics = cibhash.build(temperature=0.4, beta=0.7).apply((), rows, rows)
    z, p = sign(U), 1 / (1 + np.exp(-U))
    for i in range(7):
        others = [j for j in range(7) if j != i]
        views = [j for j in others if index[j] == index[i]]
        total = sum(np.exp(cosine(z[i], z[j]) / 0.4) for j in others)
        expected = sum(
            -np.log(np.exp(cosine(z[i], z[j]) / 0.4) / total) + 0.7 * bernoulli(p[i], p[j])
            for j in views
        )
        assert found[i] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert metrics["contrast"] > 0 < metrics["divergence"]
    with pytest.raises(UserError, match=r"^loss\.cibhash\.temperature=0: expected"):
        cibhash.build(temperature=0)


def test_the_gradient_of_cibhash_passes_the_sign_and_holds_the_other_views_probabilities():
    rows = with_features(U[:2])._replace(
        features=None, index=jnp.zeros(2, jnp.int32), place=jnp.arange(2)
    )

    def value(u):
        codes = rows._replace(u=u)
        return cibhash.build(beta=1.0).apply((), codes, codes)[0].sum()

    # Of two rows the contrast is 0: log of 1. What remains are the divergences, q held.
    u = U[:2]
    p = 1 / (1 + np.exp(-u))
    expected = p * (1 - p) * (u - u[::-1])  # d KL / d p = logit p - logit q
    np.testing.assert_allclose(jax.grad(value)(rows.u), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", LABELS.values(), ids=list(LABELS))
def test_classification_and_jmlh_are_their_formulas(labels):
    rows = batch(U, labels, LOGITS)
    found = find("classification").build().apply((), rows, rows)[0]
    np.testing.assert_allclose(found, entropy(LOGITS, labels), rtol=1e-5, atol=1e-6)
    p = 1 / (1 + np.exp(-U))
    apart = np.array([bernoulli(row, np.full(6, 0.5)) for row in p])
    found = find("jmlh").build(weight=0.3).apply((), rows, rows)[0]
    expected = entropy(LOGITS, labels) + 0.3 * apart
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_sdhc_is_its_formula():
    rows, kernel = batch(U, SINGLE, LOGITS), RANDOM.normal(size=(5, 6))
    loss = find("sdhc").build(0.2, 0.3, 0.4)
    u = np.tanh(U)
    expected = (
        entropy(LOGITS, SINGLE)
        + 0.2 * ((u - sign(U)) ** 2).mean(axis=1)
        - 0.15 * (u**2).mean(axis=1)
    )
    np.testing.assert_allclose(loss.apply((), rows, rows)[0], expected, rtol=1e-5)
    weights = {"hash": {"dense": {"kernel": jnp.asarray(kernel, jnp.float32)}}}
    away = ((kernel.T @ kernel - np.eye(6)) ** 2).mean()
    assert loss.regulariser(weights) == pytest.approx(0.4 * away, rel=1e-4)


def test_cnnh_decomposes_similarities_at_least_as_well_as_any_code():
    similar = np.where(SINGLE.astype(int) @ SINGLE.T > 0, 1.0, -1.0)
    found = cnnh.decompose(similar, bits=2, seed=0, sweeps=20)

    def apart(h):
        return ((similar - h @ h.T / h.shape[1]) ** 2).sum()

    assert np.abs(found).max() <= 1
    codes = [np.array(code).reshape(3, 2) for code in itertools.product([-1.0, 1.0], repeat=6)]
    best = min(apart(SINGLE @ code) for code in codes)
    signs = np.where(found >= 0, 1.0, -1.0)
    assert apart(found) <= apart(signs) and apart(signs) < 1.5 * best
    # Each sweep lowers it.
    sweeps = [apart(cnnh.decompose(similar, 3, 1, sweeps)) for sweeps in (1, 2, 4, 8)]
    assert (np.diff(sweeps) <= 1e-9).all()


def test_cnnh_regresses_the_codes_that_it_found():
    loss, task = cnnh.build(sweeps=20), Task(6, SINGLE, seed=4)
    state = loss.prepare(loss.init(task), task)
    assert set(np.unique(state)) == {-1.0, 1.0} and state.shape == (7, 6)
    order = np.array([3, 0, 6])
    rows = batch(U[order], SINGLE[order])._replace(index=jnp.asarray(order))
    found, after, _ = loss.apply(jnp.asarray(state), rows, rows)
    expected = ((np.tanh(U[order]) - state[order]) ** 2).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(after, state)
    many = Task(6, np.zeros((cnnh.MOST_IMAGES + 1, 2), np.uint8))
    with pytest.raises(UserError, match=r"^loss\.name=cnnh compares all .* at most 20,000; the "):
        loss.prepare(state, many)
    with pytest.raises(UserError, match=r"^loss\.cnnh\.sweeps=0: expected at least 1"):
        cnnh.build(sweeps=0)


def neighbours(nearest, shared):
    """By loops over sets."""
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    cosines = unit @ unit.T - 10 * np.eye(7)
    own = [list(np.argsort(-row, kind="stable")[:nearest]) for row in cosines]
    found = []
    for i in range(7):
        common = [-1 if j == i else len({*own[i]} & {*own[j]}) for j in range(7)]
        like = [j for j in np.argsort(-np.array(common), kind="stable")[:shared] if common[j] > 0]
        found.append({i, *own[i], *(k for j in like for k in own[j])})
    return found


@pytest.mark.parametrize(("nearest", "shared"), [(1, 1), (2, 1), (2, 3), (4, 6)])
def test_bgan_compares_neighbours_by_features(nearest, shared):
    expected = neighbours(nearest, shared)
    lists = bgan.neighbours(FEATURES, nearest, shared)
    assert [set(row.tolist()) for row in lists] == expected
    assert (np.diff(lists, axis=1) >= 0).all()
    loss = bgan.build(nearest, shared, weight=0.5, steepest=5.0)
    task = Task(6, SINGLE, total_steps=4, features=lambda: FEATURES)
    state = loss.prepare(loss.init(task), task)
    rows = batch(U)
    for done in range(2):
        found, state, _ = loss.apply(jax.tree.map(jnp.asarray, state), rows, rows)
        z = np.clip((1 + done) * U, -1, 1)
        for i in range(7):
            pairs = [
                (z[i] @ z[j] / 6 - (1 if j in expected[i] else -1)) ** 2 for j in range(7) if j != i
            ]
            away = 0.5 * ((z[i] - sign(z[i])) ** 2).mean()
            assert found[i] == pytest.approx(np.mean(pairs) + away, rel=1e-4)


def test_bgan_needs_more_images_than_neighbours():
    with pytest.raises(UserError, match=r"need more than 30 training images; the protocol has 7"):
        bgan.build().init(Task(6, SINGLE))
    with pytest.raises(UserError, match=r"^loss\.bgan: expected nearest, shared and steepest"):
        bgan.build(steepest=0.5)


def in_training(head, features):
    variables = head.init(jax.random.key(0), features, False)

    def one(features):
        return head.apply(variables, features, True, rngs={"dropout": jax.random.key(7)})

    many = features.reshape(2, -1, *features.shape[1:])
    outputs = jax.vmap(one, axis_name=devices.AXIS)(many)
    return variables, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), outputs)


def test_the_bi_half_head_classifies_codes_that_are_balanced_over_all_devices():
    features = jnp.asarray(RANDOM.normal(size=(8, 5)), jnp.float32)
    head = registry.find("jaxhash.models.heads", "bihalf").build(4, 3, norm=False)
    variables, found = in_training(head, features)
    classifier = variables["params"]["classifier"]
    rank = np.asarray(found.u).argsort(axis=0).argsort(axis=0)
    codes = np.where(rank >= 4, 1.0, -1.0)
    np.testing.assert_allclose(
        found.logits, codes @ classifier["kernel"] + classifier["bias"][None], rtol=1e-5, atol=1e-6
    )
    plain = head.apply(variables, features, False)
    expected = sign(np.asarray(plain.u)) @ classifier["kernel"] + classifier["bias"][None]
    np.testing.assert_allclose(plain.logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_stochastic_head_draws_bits_with_their_probabilities():
    features = jnp.ones((4_000, 5))
    head = registry.find("jaxhash.models.heads", "stochastic").build(3, 3, norm=False)
    variables = head.init(jax.random.key(0), features, False)
    params = variables["params"]
    params["hash"]["dense"]["bias"] = jnp.array([-1.0, 0.3, 2.0])
    params["classifier"]["kernel"] = jnp.eye(3)  # logits are the bits

    def one(features):
        return head.apply(variables, features, True, rngs={"dropout": jax.random.key(7)})

    found = jax.vmap(one, axis_name=devices.AXIS)(features.reshape(2, 2_000, 5))
    bits = np.asarray(found.logits).reshape(-1, 3)
    p = 1 / (1 + np.exp(-np.asarray(found.u[0, 0])))
    assert np.isin(bits.round(6), (0, 1)).all()
    np.testing.assert_allclose(bits.mean(axis=0), p, atol=0.03)
    np.testing.assert_array_equal(
        head.apply(variables, features[:1], False).logits[0].round(6), [0, 1, 1]
    )
    whole = jax.vmap(one, axis_name=devices.AXIS)(features[None])
    np.testing.assert_array_equal(whole.logits[0], bits)  # on one device as on two

    def value(bias):
        changed = jax.tree.map(lambda x: x, params)
        changed["hash"]["dense"]["bias"] = bias
        outputs = head.apply({"params": changed}, features[:1], False)
        return (outputs.logits[0] * jnp.arange(1.0, 4.0)).sum()

    gradient = jax.grad(value)(params["hash"]["dense"]["bias"])
    np.testing.assert_allclose(gradient, p * (1 - p) * np.arange(1, 4), rtol=1e-5)
