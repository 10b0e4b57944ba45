import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.distributed import devices
from jaxhash.models.layers import Dropout, largest, max_pool, pool_to


def drop(x, replicas, seed=0, **options):
    """Drops while training, with the rows [b ...] spread over replicas."""
    layer = Dropout(**options)

    def step(x):
        return layer.apply({}, x, True, rngs={"dropout": jax.random.key(seed)})

    split = x.reshape(replicas, -1, *x.shape[1:])
    return np.asarray(jax.jit(jax.vmap(step, axis_name=devices.AXIS))(split)).reshape(x.shape)


@pytest.mark.parametrize("whole", [False, True])
def test_dropout_does_not_see_replicas(whole):
    x = jnp.ones((16, 5, 3))
    one = drop(x, 1, rate=0.5, whole=whole)
    for replicas in (2, 8):
        assert (drop(x, replicas, rate=0.5, whole=whole) == one).all()
    mapped = devices.Replicas(8).map(
        lambda x: Dropout(0.5, whole).apply({}, x, True, rngs={"dropout": jax.random.key(0)})
    )
    assert (np.asarray(mapped(x.reshape(8, 2, 5, 3))).reshape(x.shape) == one).all()


def test_dropout_draws_for_each_row_and_seed():
    x = jnp.ones((4, 50))
    dropped = drop(x, 1, rate=0.5)
    assert len(np.unique(dropped, axis=0)) == 4
    assert (drop(x, 1, seed=1, rate=0.5) != dropped).any()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("whole", [False, True])
def test_dropout_drops_its_rate_and_keeps_the_mean(rate, whole):
    # 2000 draws either way: the share that is dropped is off by less than four deviations.
    x = jnp.full((2000, 3) if whole else (20, 100), 2.0)
    dropped = drop(x, 1, rate=rate, whole=whole)
    kept = dropped != 0
    assert abs(kept.mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / 2000)
    np.testing.assert_allclose(dropped[kept], 2 / (1 - rate), rtol=1e-6)


def test_whole_dropout_drops_rows():
    kept = drop(jnp.ones((64, 4, 3)), 1, rate=0.5, whole=True).reshape(64, -1) != 0
    assert (kept == kept[:, :1]).all()
    assert 0 < kept[:, 0].sum() < 64


def test_dropout_is_of_training_alone():
    x = jnp.ones((3, 4), jnp.bfloat16)
    assert (Dropout(0.5).apply({}, x, False) == x).all()
    assert (Dropout(0.0).apply({}, x, True) == x).all()
    assert drop(x, 1, rate=0.5).dtype == x.dtype


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 8))
def test_pool_to_averages_the_pixels_of_each_cell(height, width, size):
    x = np.random.RandomState(height * 10 + width).normal(size=(2, height, width, 3))
    x = x.astype(np.float32)
    expected = np.zeros((2, size, size, 3))
    for i in range(size):
        for j in range(size):
            rows = slice(int(np.floor(i * height / size)), int(np.ceil((i + 1) * height / size)))
            columns = slice(int(np.floor(j * width / size)), int(np.ceil((j + 1) * width / size)))
            expected[:, i, j] = x[:, rows, columns].mean(axis=(1, 2))
    np.testing.assert_allclose(pool_to(jnp.asarray(x), size), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_largest_is_the_maximum_and_its_gradient_is_ones(axis, dtype):
    x = jnp.asarray(np.random.RandomState(0).randn(4, 5, 6), dtype)
    for keepdims in (False, True):
        assert jnp.array_equal(largest(x, axis, keepdims), x.max(axis, keepdims=keepdims))
    gradient = jax.grad(lambda x: largest(x, axis).sum())(x)
    assert jnp.array_equal(gradient, (x == x.max(axis, keepdims=True)).astype(dtype))
    assert jnp.isnan(largest(x.at[1, 1, 1].set(jnp.nan), axis)).sum() == 1


@pytest.mark.parametrize("height, width, side", [(2, 4, 2), (5, 7, 2), (3, 7, 3), (6, 4, 3)])
def test_max_pooling_is_that_of_flax(height, width, side):
    """Without equal maxima; rows and columns that fill no square are left out."""
    x = jnp.asarray(np.random.RandomState(0).permutation(2 * height * width * 3), jnp.float32)
    x = x.reshape(2, height, width, 3)
    found, backward = jax.vjp(lambda x: max_pool(x, side), x)
    expected, reference = jax.vjp(lambda x: nn.max_pool(x, (side, side), (side, side)), x)
    assert (found == expected).all()
    dy = jnp.arange(found.size, dtype=jnp.float32).reshape(found.shape)
    assert (backward(dy)[0] == reference(dy)[0]).all()


def test_equal_maxima_share_the_gradient():
    x = jnp.array([[5.0, 5.0, 1.0], [2.0, 5.0, 1.0]]).reshape(1, 2, 3, 1)
    found, backward = jax.vjp(lambda x: max_pool(x, 2), x)
    assert found.squeeze() == 5
    dx = backward(jnp.full((1, 1, 1, 1), 6.0))[0].squeeze()
    np.testing.assert_allclose(dx, [[2, 2, 0], [0, 2, 0]], rtol=1e-6)
