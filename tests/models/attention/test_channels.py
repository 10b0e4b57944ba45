import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.models.attention import _channels, danet, ida

A = jnp.asarray(np.random.RandomState(0).normal(size=(7, 4, 32)), jnp.float32)
ATTENTION = {"danet": danet.channel_attention, "ida": ida.channel_attention}


@pytest.fixture(autouse=True)
def three_images_at_a_time(monkeypatch):
    monkeypatch.setattr(_channels, "CACHED", 3 * 32**2)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("images", [2, 3, 4, 6, 7])
def test_images_are_computed_as_if_each_were_alone(name, images):
    attend = ATTENTION[name]
    alone = jnp.concatenate([attend(a) for a in A[:images, None]])
    np.testing.assert_allclose(jax.jit(attend)(A[:images]), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ATTENTION)
def test_the_gradient_is_that_of_all_images_at_once(name, monkeypatch):
    def loss(a):
        return (jnp.sin(ATTENTION[name](a)) * jnp.cos(A)).sum()

    by_parts = jax.grad(loss)(A)
    monkeypatch.setattr(_channels, "CACHED", 2**20)
    np.testing.assert_allclose(by_parts, jax.grad(loss)(A), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other platforms take all at once")
def test_on_a_cpu_no_array_holds_the_scores_of_all_images(monkeypatch):
    def scores():
        gradient = jax.grad(lambda a: ida.channel_attention(a).sum())
        return "f32[7,32,32]" in jax.jit(gradient).lower(A).compile().as_text()

    assert not scores()
    monkeypatch.setattr(_channels, "CACHED", 2**20)
    assert scores()
