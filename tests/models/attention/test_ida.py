import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.models.attention import ida

RANDOM = np.random.RandomState(0)


def improved_by_loops(scores, axis):
    """Equation 3 element by element, on [i j]."""
    out = np.empty_like(scores)
    for i in range(scores.shape[0]):
        for j in range(scores.shape[1]):
            line = {"query": scores[i, :], "key": scores[:, j], "none": np.zeros(1)}[axis]
            out[i, j] = (line.max() + line.mean()) / 2 - scores[i, j]
    return out


def softmax_over_i(scores):
    """Equation 4, column by column."""
    columns = [np.exp(column - column.max()) for column in scores.T]
    return np.stack([column / column.sum() for column in columns], axis=1)


@pytest.mark.parametrize("axis", ida.REDUCE_AXES)
def test_position_attention_follows_equations_3_to_5(axis):
    b, c, d = RANDOM.normal(size=(3, 6, 4))
    scores = np.array([[b[i] @ c[j] for j in range(6)] for i in range(6)])
    p = softmax_over_i(improved_by_loops(scores, axis))
    expected = np.stack([sum(p[i, j] * d[i] for i in range(6)) for j in range(6)])
    got = ida.position_attention(*(jnp.array(x[None], jnp.float32) for x in (b, c, d)), axis)
    np.testing.assert_allclose(got[0], expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("axis", ida.REDUCE_AXES)
def test_channel_attention_follows_equations_6_to_8(axis):
    a = RANDOM.normal(size=(6, 4))
    scores = np.array([[a[:, i] @ a[:, j] for j in range(4)] for i in range(4)])
    x = softmax_over_i(improved_by_loops(scores, axis))
    expected = np.stack([sum(x[i, j] * a[:, i] for i in range(4)) for j in range(4)], axis=1)
    got = ida.channel_attention(jnp.array(a[None], jnp.float32), axis)
    np.testing.assert_allclose(got[0], expected, rtol=2e-5, atol=1e-6)


def test_only_the_query_axis_makes_equation_3_change_anything():
    scores = jnp.array(RANDOM.normal(size=(5, 5)), jnp.float32)
    plain = jax.nn.softmax(-scores, axis=0)
    np.testing.assert_allclose(ida.attention_map(scores, "key"), plain, atol=1e-6)
    np.testing.assert_allclose(ida.attention_map(scores, "none"), plain, atol=1e-6)
    assert np.abs(ida.attention_map(scores, "query") - plain).max() > 0.05


def test_position_attention_does_not_care_where_positions_stand():
    x = jnp.array(RANDOM.normal(size=(1, 6, 4)), jnp.float32)
    order = RANDOM.permutation(6)
    straight = ida.position_attention(x, x, x)[:, order]
    np.testing.assert_allclose(ida.position_attention(*3 * [x[:, order]]), straight, atol=1e-5)


@pytest.mark.slow
def test_module_starts_as_twice_the_identity_and_learns_alpha_and_beta():
    x = jnp.array(RANDOM.normal(size=(2, 3, 3, 4)), jnp.float32)
    module = ida.build()
    variables = module.init(jax.random.key(0), x, False)
    np.testing.assert_allclose(module.apply(variables, x, False), 2 * x, rtol=1e-6)

    gradient = jax.grad(lambda v: (module.apply(v, x, False) ** 2).sum())(variables)["params"]
    assert gradient["alpha"] != 0 and gradient["beta"] != 0

    params = {**variables["params"], "alpha": jnp.array(0.5), "beta": jnp.array(0.25)}
    b, c, d = (
        x.reshape(2, 9, 4) @ params[n]["kernel"] + params[n]["bias"][None, None] for n in "bcd"
    )
    flat = x.reshape(2, 9, 4)
    expected = 0.5 * ida.position_attention(b, c, d) + 0.25 * ida.channel_attention(flat) + 2 * flat
    got = module.apply({"params": params}, x, False).reshape(2, 9, 4)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_comes_out_as_it_went_in():
    x = jnp.ones((1, 2, 2, 4), jnp.bfloat16)
    module = ida.build(dtype=jnp.bfloat16)
    assert module.apply(module.init(jax.random.key(0), x, False), x, False).dtype == jnp.bfloat16


def test_unknown_axis_is_refused():
    with pytest.raises(UserError, match="row.*query, key, none"):
        ida.build(reduce_axis="row")
