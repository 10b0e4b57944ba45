"""Convolutions and gradients of kernels as products of patches, against XLA's."""

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
    expected, reference = jax.vjp(partial(plain, strides=strides, padding=padding), x, kernel)
    dy = jnp.asarray(random.randn(*expected.shape), jnp.float32)
    for form in (convolution.by_patches, convolution.by_rows):
        found, backward = jax.vjp(partial(form, strides=strides, padding=padding), x, kernel)
        for a, b in zip((found, *backward(dy)), (expected, *reference(dy)), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "sides", "strides", "padding"),
    [
        ((2, 9, 4, 2), (7, 7), (1, 1), ((3, 3), (3, 3))),
        ((3, 9, 8, 1), (5, 3), (2, 3), ((2, 0), (0, 1))),
        ((1, 1, 6, 4), (1, 1), (1, 2), ((0, 0), (0, 0))),
        ((2, 4, 9, 2), (5, 3), (2, 1), ((2, 1), (0, 1))),
    ],
)
def test_rows_as_channels_give_xlas_value_and_derivatives(shape, sides, strides, padding):
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randn(*shape), jnp.float32)
    kernel = jnp.asarray(random.randn(*sides, shape[3], 2), jnp.float32)
    expected, reference = jax.vjp(partial(plain, strides=strides, padding=padding), x, kernel)
    found, backward = jax.vjp(
        partial(convolution.by_rows, strides=strides, padding=padding), x, kernel
    )
    dy = jnp.asarray(random.randn(*expected.shape), jnp.float32)
    for a, b in zip((found, *backward(dy)), (expected, *reference(dy)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "features", "width", "by_rows"),
    [(2, 1, 4, True), (4, 4, 4, True), (5, 4, 4, False), (4, 5, 4, False), (2, 1, 600, False)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_few_channels_are_taken_by_rows(channels, features, width, by_rows, turned):
    """But not where the band that the kernel becomes would be large."""
    shape = (2, width, 600, channels) if turned else (2, 600, width, channels)
    layer = nn.Conv(
        features, (7, 7), padding=3, conv_general_dilated=convolution.conv_general_dilated
    )
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    variables = jax.eval_shape(layer.init, jax.random.key(0), x)
    lowered = jax.jit(layer.apply).lower(variables, x).as_text()
    assert (f"tensor<7x{width * channels}x{width * features}xf32>" in lowered) == by_rows


@pytest.mark.parametrize("near", [1, 600, 2**20])  # one row of an image, an image, all at once
@pytest.mark.parametrize(
    ("shape", "sides", "strides", "padding"),
    [
        ((4, 9, 8, 3), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((3, 9, 8, 2), (7, 5), (2, 3), ((3, 0), (1, 2))),
        ((2, 5, 5, 1), (1, 1), (2, 2), ((0, 0), (0, 0))),
    ],
)
def test_the_gradient_of_the_kernel_is_that_of_xla(
    shape, sides, strides, padding, near, monkeypatch
):
    monkeypatch.setattr(convolution, "NEAR_BYTES", near)
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randn(*shape), jnp.float32)
    kernel = jnp.asarray(random.randn(*sides, shape[3], 4), jnp.float32)
    y, backward = jax.vjp(lambda kernel: plain(x, kernel, strides, padding), kernel)
    dy = jnp.asarray(random.randn(*y.shape), jnp.float32)
    found = convolution.kernel_gradient(x, dy, sides, strides, padding)
    np.testing.assert_allclose(found, backward(dy)[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_layer_of_few_channels_has_xlas_value_and_derivatives(dtype):
    options = {"features": 6, "kernel_size": (3, 3), "padding": 1, "dtype": dtype}
    own = nn.Conv(**options, conv_general_dilated=convolution.conv_general_dilated)
    x = jnp.asarray(np.random.RandomState(0).randn(2, 10, 10, 17), dtype)
    variables = own.init(jax.random.key(0), x)

    def derivatives(layer):
        def value(variables, x):
            y = layer.apply(variables, x)
            return (y.astype(jnp.float32) ** 2).mean()

        return jax.value_and_grad(value, argnums=(0, 1))(variables, x)

    expected = derivatives(nn.Conv(**options))
    tolerance = 1e-5 if dtype == jnp.float32 else 2e-2  # of bfloat16: eight bits
    for a, b in zip(jax.tree.leaves(derivatives(own)), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * abs(b).max())


def test_large_batches_of_small_maps_are_xlas():
    """Their patches would take more memory than the convolution is worth."""
    layer = nn.Conv(64, (3, 3), padding=1, conv_general_dilated=convolution.conv_general_dilated)
    for batch, patches in ((8, True), (1_024, False)):
        x = jax.ShapeDtypeStruct((batch, 7, 7, 64), jnp.float32)
        variables = jax.eval_shape(layer.init, jax.random.key(0), x)
        lowered = jax.jit(layer.apply).lower(variables, x).as_text()
        assert ("stablehlo.convolution" not in lowered) == patches


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
