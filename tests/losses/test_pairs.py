import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs

RANDOM = np.random.RandomState(0)


def test_similarity_is_a_shared_label():
    labels = RANDOM.randint(0, 2, size=(7, 3))
    expected = [[float(any(a & b)) for b in labels] for a in labels]
    assert np.array_equal(pairs.similarity(jnp.array(labels), jnp.array(labels)), expected)


@given(st.floats(-200, 200), st.sampled_from([0.0, 1.0]))
def test_likelihood_neither_overflows_nor_goes_below_zero(theta, similar):
    u, v = jnp.array([[1.0]]), jnp.array([[2 * theta]])
    value = float(pairs.negative_log_likelihood(u, v, jnp.array([[similar]]))[0, 0])
    np.testing.assert_allclose(value, np.logaddexp(0, theta) - similar * theta, atol=2e-5)
    assert value >= 0


def test_likelihood_has_its_numerical_gradient():
    u, v = (jnp.array(RANDOM.normal(size=(3, 4)), jnp.float32) for _ in range(2))
    similar = jnp.eye(3)
    check_grads(
        lambda u, v: pairs.negative_log_likelihood(u, v, similar).sum(), (u, v), order=1, rtol=0.01
    )


def test_a_sum_bit_by_bit_is_that_of_all_at_once():
    x, y = (jnp.array(RANDOM.normal(size=(n, 5)), jnp.float32) for n in (3, 4))
    weights = jnp.array(RANDOM.normal(size=(3, 4)), jnp.float32)

    def f(x, y):
        return jnp.tanh(x * y) - jnp.abs(x - y)

    def together(x, y):
        return f(x[:, None], y[None]).sum(axis=2)

    def weighted(of):
        return lambda x, y: (weights * of(x, y)).sum()

    def one_by_one(x, y):
        return distances.sum_over_bits(f, x, y)

    np.testing.assert_allclose(one_by_one(x, y), together(x, y), rtol=1e-6)
    found, expected = (
        jax.grad(weighted(of), argnums=(0, 1))(x, y) for of in (one_by_one, together)
    )
    for gradient, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-5)


def test_masked_mean_equals_the_mean_of_the_subset():
    values = jnp.array(RANDOM.normal(size=(4, 6)), jnp.float32)
    valid = jnp.array([True, False, True, True, False, False])
    got = pairs.mean_over_columns(values, jnp.broadcast_to(valid[None], values.shape))
    np.testing.assert_allclose(got, np.asarray(values)[:, np.asarray(valid)].mean(1), rtol=1e-6)
    assert not pairs.mean_over_columns(values, jnp.zeros(values.shape, bool)).any()
