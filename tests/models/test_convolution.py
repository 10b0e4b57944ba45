"""Convolutions of small maps as products of patches, against XLA's."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.models import convolution


def plain(x, kernel, strides, padding):
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=numbers)


@pytest.mark.slow
@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.sampled_from([1, 3, 5]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_values_and_derivatives_are_those_of_xlas(height, width, side, strides, pads):
    padding = ((pads[0], pads[1]), (pads[2], pads[3]))
    if min(height + sum(padding[0]), width + sum(padding[1])) < side:
        return
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randn(2, height, width, 3), jnp.float32)
    kernel = jnp.asarray(random.randn(side, side, 3, 4), jnp.float32)
    found, backward = jax.vjp(
        partial(convolution.by_patches, strides=strides, padding=padding), x, kernel
    )
    expected, reference = jax.vjp(partial(plain, strides=strides, padding=padding), x, kernel)
    dy = jnp.asarray(random.randn(*expected.shape), jnp.float32)
    for a, b in zip((found, *backward(dy)), (expected, *reference(dy)), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "options", "patches"),
    [
        (2, {}, True),
        (7, {}, True),
        (8, {}, False),
        (14, {"strides": 2}, True),
        (7, {"feature_group_count": 3}, False),
        (7, {"kernel_dilation": 2}, False),
        (7, {"padding": "SAME"}, False),
    ],
)
def test_only_ordinary_convolutions_of_small_maps_are_taken(size, options, patches):
    options = {"padding": 1, "features": 6, "kernel_size": (3, 3)} | options
    layer = nn.Conv(**options, conv_general_dilated=convolution.conv_general_dilated)
    x = jnp.asarray(np.random.RandomState(0).randn(2, size, size, 3), jnp.float32)
    variables = layer.init(jax.random.key(0), x)
    expected = nn.Conv(**options).apply(variables, x)
    np.testing.assert_allclose(layer.apply(variables, x), expected, rtol=1e-4, atol=1e-5)
    lowered = jax.jit(layer.apply).lower(variables, x).as_text()
    assert ("stablehlo.convolution" not in lowered) == patches
