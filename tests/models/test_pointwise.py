"""1x1 convolutions against the product that XLA differentiates by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.models.pointwise import product


@pytest.mark.parametrize(("channels", "out"), [(3, 7), (7, 3), (4, 4)])
def test_values_and_derivatives_are_those_of_the_product(channels, out):
    random = np.random.RandomState(0)
    x = jnp.asarray(random.randn(2, 5, 3, channels), jnp.float32)
    kernel = jnp.asarray(random.randn(channels, out), jnp.float32)
    dy = jnp.asarray(random.randn(2, 5, 3, out), jnp.float32)
    y, backward = jax.vjp(product, x, kernel)
    other, reference = jax.vjp(jnp.matmul, x, kernel)
    for a, b in zip((y, *backward(dy)), (other, *reference(dy)), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
