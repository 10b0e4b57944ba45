"""Hash heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.export import symbolic_shape

from jaxhash import registry
from jaxhash.distributed import devices
from jaxhash.errors import UserError

FEATURES = jnp.asarray(np.random.RandomState(0).normal(size=(6, 5)), jnp.float32)


@pytest.mark.parametrize("name", registry.names("jaxhash.models.heads"))
def test_outputs_are_one_a_bit_and_normalised_where_asked(name):
    for norm in (False, True):
        head = registry.find("jaxhash.models.heads", name).build(bits=6, labels=3, norm=norm)
        variables = head.init(jax.random.key(0), FEATURES, False)

        def training(features, head=head, variables=variables):
            draws = {"dropout": jax.random.key(1)}
            return head.apply(variables, features, True, mutable=["batch_stats"], rngs=draws)[0]

        one = jax.vmap(training, axis_name=devices.AXIS)(FEATURES[None])
        outputs = jax.tree.map(lambda x: x[0], one)
        assert outputs.u.shape == (6, 6)
        assert outputs.logits is None or outputs.logits.shape == (6, 3)
        centred = np.abs(np.asarray(outputs.u.mean(axis=0))).max() < 1e-6
        assert centred == norm


def test_each_bit_of_the_divided_head_depends_on_its_part_alone():
    head = registry.find("jaxhash.models.heads", "divided").build(4, 3, norm=False, part=2)
    variables = head.init(jax.random.key(0), FEATURES, False)
    params = jax.tree.map(np.asarray, variables["params"])
    hidden = np.asarray(FEATURES) @ params["parts"]["kernel"] + params["parts"]["bias"]
    hidden, kernel, bias = np.maximum(hidden, 0), params["kernel"], params["bias"]
    for bit in range(4):
        expected = hidden[:, 2 * bit : 2 * bit + 2] @ kernel[bit] + bias[bit]
        found = head.apply(variables, FEATURES, False).u[:, bit]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_hidden_head_is_a_perceptron_with_dropout_before_it():
    head = registry.find("jaxhash.models.heads", "hidden").build(4, 3, False, units=7, dropout=0.5)
    variables = head.init(jax.random.key(0), FEATURES, False)
    params = jax.tree.map(np.asarray, variables["params"])
    hidden = np.asarray(FEATURES) @ params["hidden"]["kernel"] + params["hidden"]["bias"]
    dense = params["hash"]["dense"]
    expected = np.maximum(hidden, 0) @ dense["kernel"] + dense["bias"]
    found = head.apply(variables, FEATURES, False).u
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def training(features):
        return head.apply(variables, features, True, rngs={"dropout": jax.random.key(1)}).u

    dropped = jax.vmap(training, axis_name=devices.AXIS)(FEATURES[None])[0]
    assert np.abs(dropped - found).max() > 1e-3


@pytest.mark.parametrize(("option", "value"), [("units", 0), ("dropout", 1.0)])
def test_an_option_of_the_hidden_head_out_of_its_range(option, value):
    build = registry.find("jaxhash.models.heads", "hidden").build
    with pytest.raises(UserError, match=rf"^model\.head\.hidden\.{option}={value}: expected"):
        build(4, 3, norm=False, **{option: value})


def test_streams_have_layers_of_their_own_and_tokens_take_turns_among_the_local_ones():
    kind = registry.find("jaxhash.models.heads", "streams")
    head = kind.build(5, 3, norm=False, streams=3, tokens=5)
    tokens = np.random.RandomState(1).normal(size=(6, 5, 4)).astype(np.float32)
    flat = tokens.reshape(6, 20)
    variables = head.init(jax.random.key(0), flat, False)
    params = jax.tree.map(np.asarray, variables["params"])
    seen = [tokens[:, 0], tokens[:, [1, 3]].mean(axis=1), tokens[:, [2, 4]].mean(axis=1)]
    expected = [
        x @ params[f"hash_{m}"]["kernel"] + params[f"hash_{m}"]["bias"] for m, x in enumerate(seen)
    ]
    assert [part.shape[1] for part in expected] == [2, 2, 1]
    found = head.apply(variables, flat, False).u
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6)
    with pytest.raises(UserError, match="streams.streams=6: expected 1 to 5"):
        kind.build(5, 3, norm=False, streams=6)
    with pytest.raises(UserError, match="tokens=2: expected 1, or at least one for each of 3"):
        kind.build(5, 3, norm=False, streams=3, tokens=2)
    with pytest.raises(UserError, match="19 features are no multiple"):
        head.init(jax.random.key(0), flat[:, :19], False)


@pytest.mark.parametrize("name", registry.names("jaxhash.models.heads"))
def test_a_head_can_be_exported_for_any_number_of_images(name):
    head = registry.find("jaxhash.models.heads", name).build(12, 3, False)
    known = jax.ShapeDtypeStruct((2, 20), jnp.float32)
    variables = jax.eval_shape(lambda x: head.init(jax.random.key(0), x, False), known)
    any_number = jax.ShapeDtypeStruct((*symbolic_shape("b"), 20), jnp.float32)
    outputs = jax.eval_shape(lambda v, x: head.apply(v, x, False), variables, any_number)
    assert outputs.u.shape == (*any_number.shape[:1], 12)
