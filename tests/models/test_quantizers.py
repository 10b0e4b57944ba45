import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxhash.errors import UserError
from jaxhash.models import quantizers

# XLA flushes subnormal numbers to 0.
FLOATS = st.lists(st.floats(-4, 4, width=32, allow_subnormal=False), min_size=1, max_size=8)


@given(FLOATS)
def test_sign_has_two_values_and_zero_is_positive(values):
    u = jnp.array(values)
    assert np.array_equal(quantizers.sign(u), np.where(np.array(values, np.float32) >= 0, 1, -1))
    assert quantizers.sign(jnp.array([0.0, -0.0])).tolist() == [1, 1]


@given(FLOATS)
def test_piecewise_and_clipped_cut_to_one(values):
    u = jnp.array(values)
    for quantizer in (quantizers.piecewise, quantizers.clipped):
        assert np.array_equal(quantizer(u), np.clip(np.array(values, np.float32), -1, 1))


@given(FLOATS)
def test_shrink_sigmoid_is_equation_1_and_agrees_with_sign(values):
    u = np.array(values, np.float32)
    x = quantizers.shrink_sigmoid(jnp.array(u))
    np.testing.assert_allclose(x, 1 / 4 + 1 / (2 * (1 + np.exp(-u))), rtol=1e-6)
    assert ((x >= 0.25) & (x <= 0.75)).all()
    assert (np.asarray(x)[np.abs(u) > 1e-3] > 0.5).tolist() == (u[np.abs(u) > 1e-3] > 0).tolist()


def test_quantizers_are_found_by_name():
    assert quantizers.find("sign") is quantizers.sign
    with pytest.raises(UserError, match="did you mean piecewise"):
        quantizers.find("picewise")


@pytest.mark.parametrize(
    ("quantizer", "derivative"),
    [
        (quantizers.sign, lambda u: np.ones_like(u)),
        (quantizers.piecewise, lambda u: np.ones_like(u)),
        (quantizers.clipped, lambda u: np.abs(u) <= 1),
        (quantizers.identity, lambda u: np.ones_like(u)),
        (quantizers.shrink_sigmoid, lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2 / 2),
        (quantizers.find("tanh"), lambda u: 1 - np.tanh(u) ** 2),
    ],
)
def test_derivatives_are_those_stated(quantizer, derivative):
    u = jnp.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    weights = jnp.arange(1.0, 8.0)
    gradient = jax.jit(jax.grad(lambda u: (weights * quantizer(u)).sum()))(u)
    expected = np.asarray(weights) * derivative(np.asarray(u, np.float64))
    # 1 - tanh^2 loses what is below the rounding of 1.
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=2e-6)


def test_clipped_has_its_true_derivative_away_from_the_corners():
    u = jnp.array([-2.0, -0.5, 0.3, 1.7])
    check_grads(quantizers.clipped, (u,), order=1, modes=["rev"])


def test_sign_of_clipped_is_the_clipped_straight_through_estimator():
    gradient = jax.grad(lambda u: quantizers.sign(quantizers.clipped(u)).sum())
    assert gradient(jnp.array([-2.0, 0.5, 2.0])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_dtype_is_kept(dtype):
    u = jnp.array([-2.0, 0.5], dtype)
    for quantizer in (quantizers.sign, quantizers.piecewise, quantizers.clipped):
        assert quantizer(u).dtype == dtype
