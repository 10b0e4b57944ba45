"""Depthwise convolutions: the form for CPUs against XLA's grouped convolution, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from jaxhash.models.depthwise import DepthwiseConvolution, depthwise, grouped, same_padding


def arrays(height, width, side, stride, padding):
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randn(2, height, width, 3), jnp.float32)
    kernel = jnp.asarray(random.randn(side, side, 3), jnp.float32)
    y = grouped(x, kernel, stride, padding)
    return x, kernel, jnp.asarray(random.randn(*y.shape), jnp.float32)


def check(height, width, side, stride, padding):
    x, kernel, dy = arrays(height, width, side, stride, padding)
    y, backward = jax.vjp(lambda x, k: depthwise(x, k, stride, padding), x, kernel)
    other, reference = jax.vjp(lambda x, k: grouped(x, k, stride, padding), x, kernel)
    for a, b in zip((y, *backward(dy)), (other, *reference(dy)), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1, np.abs(b).max()))


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_values_and_derivatives_are_those_of_the_grouped_convolution(side, stride):
    check(7, 6, side, stride, same_padding((7, 6), side, stride))


@pytest.mark.slow
@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.sampled_from([1, 3, 5]),
    st.integers(1, 3),
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_so_they_are_for_any_shape_and_padding(height, width, side, stride, pads):
    padding = ((pads[0], pads[1]), (pads[2], pads[3]))
    if min(height + sum(padding[0]), width + sum(padding[1])) >= side:
        check(height, width, side, stride, padding)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_same_padding_gives_a_pixel_for_each_stride(height, width, side, stride):
    (top, bottom), (left, right) = same_padding((height, width), side, stride)
    assert (height + top + bottom - side) // stride + 1 == -(-height // stride)
    assert (width + left + right - side) // stride + 1 == -(-width // stride)
    assert 0 <= bottom - top <= 1 and 0 <= right - left <= 1


def test_gradients_are_those_of_differences():
    x, kernel, _ = arrays(5, 4, 3, 2, ((1, 1), (1, 1)))
    f = partial(depthwise, stride=2, padding=((1, 1), (1, 1)))
    check_grads(f, (x, kernel), order=1, modes=["rev"], rtol=2e-2, atol=2e-2)


def test_half_precision_sums_the_kernels_derivative_in_float32():
    x, kernel, dy = arrays(9, 9, 3, 1, ((1, 1), (1, 1)))
    half = [a.astype(jnp.bfloat16) for a in (x, kernel, dy)]
    _, backward = jax.vjp(lambda x, k: depthwise(x, k, 1, ((1, 1), (1, 1))), *half[:2])
    _, reference = jax.vjp(
        lambda x, k: grouped(x, k, 1, ((1, 1), (1, 1))), *(a.astype(jnp.float32) for a in half[:2])
    )
    expected = reference(half[2].astype(jnp.float32))[1]
    got = backward(half[2])[1]
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got.astype(jnp.float32), expected, rtol=2e-2, atol=0.1)


def test_a_module_halves_a_map_with_an_odd_side():
    module = DepthwiseConvolution(3, 2)
    x = jnp.ones((1, 5, 4, 2))
    variables = module.init(jax.random.key(0), x)
    assert variables["params"]["kernel"].shape == (3, 3, 1, 2)
    assert module.apply(variables, x).shape == (1, 3, 2, 2)
