"""Batch normalisation against flax's own, which XLA differentiates by itself."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxhash.models.normalization import BatchNorm, normalize

RANDOM = np.random.RandomState(0)
X = jnp.asarray(3 + 2 * RANDOM.randn(4, 5, 6, 7), jnp.float32)
DY = jnp.asarray(RANDOM.randn(4, 5, 6, 7), jnp.float32)


def both(**options):
    ours, theirs = BatchNorm(**options), nn.BatchNorm(**options)
    variables = theirs.init(jax.random.key(0), X)
    mine = ours.init(jax.random.key(0), X)
    assert jax.tree.map(jnp.shape, mine) == jax.tree.map(jnp.shape, variables)
    return ours, theirs, jax.tree.map(lambda x: x + 0.1 * RANDOM.rand(*x.shape), variables)


def close(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_values_statistics_and_gradients_are_those_of_flax(bias):
    ours, theirs, variables = both(use_running_average=False, momentum=0.9, use_bias=bias)

    def run(module, params, x):
        filled = {**variables, "params": params}
        y, updated = module.apply(filled, x, mutable=["batch_stats"])
        return (y * DY).sum(), (y, updated)

    results = [
        jax.value_and_grad(partial(run, module), (0, 1), has_aux=True)(variables["params"], X)
        for module in (ours, theirs)
    ]
    close(*results)


def test_the_running_statistics_are_used_as_flax_does():
    ours, theirs, variables = both(use_running_average=True, epsilon=1e-3)
    close(ours.apply(variables, X), theirs.apply(variables, X))


def test_replicas_share_their_statistics_and_gradients():
    """Two replicas of half a batch are one of the whole batch."""
    scale, bias = jnp.full(7, 1.5), jnp.full(7, 0.5)

    def run(x, dy, axis):
        f = partial(normalize, epsilon=1e-5, axis=axis)
        y, backward, seen = jax.vjp(lambda *a: f(*a), x, scale, bias, has_aux=True)
        return y, backward(dy), seen

    whole = run(X, DY, None)
    halves = jax.pmap(partial(run, axis="r"), "r")(
        X.reshape(2, 2, 5, 6, 7), DY.reshape(2, 2, 5, 6, 7)
    )
    y, (dx, dscale, dbias), seen = halves
    close((y.reshape(X.shape), dx.reshape(X.shape)), (whole[0], whole[1][0]))
    close((dscale.sum(0), dbias.sum(0)), whole[1][1:])
    close([s[0] for s in seen], list(whole[2]))


def test_gradients_are_those_of_differences():
    x = jnp.asarray(RANDOM.randn(6, 2), jnp.float32)
    f = lambda x, s, b: normalize(x, s, b, 1e-3, None)[0]  # noqa: E731
    arguments = (x, jnp.array([1.0, 2.0]), jnp.array([0.0, 1.0]))
    check_grads(f, arguments, order=1, modes=["rev"], rtol=3e-2, atol=3e-2)


def test_half_precision_is_normalised_in_float32():
    module = BatchNorm(use_running_average=False, dtype=jnp.bfloat16)
    x = X.astype(jnp.bfloat16)
    variables = module.init(jax.random.key(0), x)
    y, updated = module.apply(variables, x, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16 and updated["batch_stats"]["mean"].dtype == jnp.float32
    np.testing.assert_allclose(y.astype(jnp.float32).mean((0, 1, 2)), 0, atol=1e-2)
