"""Every mechanism that has a published implementation, against numbers that it gave."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxhash import registry
from jaxhash.errors import UserError
from tests.models.torch_weights import images, weights

MAP = (2, 6, 5, 32)
SPATIAL = {
    "spatial/kernel": "SpatialGate.spatial.conv.weight",
    "norm/scale": "SpatialGate.spatial.bn.weight",
    "norm/bias": "SpatialGate.spatial.bn.bias",
    "norm/mean": "SpatialGate.spatial.bn.running_mean",
    "norm/var": "SpatialGate.spatial.bn.running_var",
}
CBAM = {
    "squeeze/kernel": "ChannelGate.mlp.1.weight",
    "squeeze/bias": "ChannelGate.mlp.1.bias",
    "excite/kernel": "ChannelGate.mlp.3.weight",
    "excite/bias": "ChannelGate.mlp.3.bias",
    **SPATIAL,
}
CAB = {
    f"{ours}/{leaf}": f"cab.{theirs}.{'weight' if leaf == 'kernel' else leaf}"
    for ours, theirs in {
        "compress": "0",
        "expand": "2",
        "squeeze_gate": "3.attention.1",
        "excite_gate": "3.attention.3",
    }.items()
    for leaf in ("kernel", "bias")
}


def triplet_names():
    names = {}
    for ours, theirs in {
        "channel_width": "ChannelGateH",
        "height_channel": "ChannelGateW",
        "height_width": "SpatialGate",
    }.items():
        for mine, published in SPATIAL.items():
            name = mine.replace("spatial/", f"{ours}/").replace("norm/", f"{ours}_norm/")
            names[name] = published.replace("SpatialGate", theirs)
    return names


def stored(name):
    with np.load(Path(__file__).with_name("attention_parity.npz")) as file:
        shapes = {
            str(key): tuple(int(n) for n in str(shape).split(","))
            for key, shape in zip(file[f"{name}_names"], file[f"{name}_shapes"], strict=True)
        }
        return weights(shapes), file[f"{name}_output"]


def with_published(module, names, tensors):
    """Puts the published module's weights where ours are, transposed as Flax keeps them."""
    variables = module.init(jax.random.key(0), jnp.zeros(MAP), False)
    filled = {}
    for collection, tree in variables.items():
        flat = {}
        for path, leaf in traverse_util.flatten_dict(tree, sep="/").items():
            value = tensors[names[path]]
            if path.endswith("kernel"):
                order = (2, 3, 1, 0) if value.ndim == 4 else (1, 0)
                value = value.transpose(order)
            elif value.shape != leaf.shape:
                value = value.reshape(leaf.shape)
            # A 1x1 convolution is a dense layer here; a gate along (h c) walks over (c h) there.
            flat[path] = value.reshape(leaf.shape)
        filled[collection] = traverse_util.unflatten_dict(flat, sep="/")
    return filled


@pytest.mark.slow
@pytest.mark.parametrize("start", ["published", "one"])
@pytest.mark.parametrize(
    ("name", "options", "names"),
    [
        ("cbam", {"reduction": 4}, CBAM),
        ("triplet", {}, triplet_names()),
    ],
)
def test_mechanism_gives_what_the_published_one_gives(name, options, names, start):
    """With its weights, however the gates would have started without."""
    tensors, expected = stored(name)
    module = registry.find("jaxhash.models.attention", name).build(**options, start=start)
    got = module.apply(with_published(module, names, tensors), images(*MAP), False)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_cab_gives_what_the_published_one_gives():
    """The published block is what is added; ours is the sum."""
    tensors, expected = stored("cab")
    module = registry.find("jaxhash.models.attention", "cab").build(
        compress=3, squeeze=8, scale=0.5
    )
    got = module.apply(with_published(module, CAB, tensors), images(*MAP), False)
    np.testing.assert_allclose(got, images(*MAP) + 0.5 * expected, rtol=1e-4, atol=1e-5)


def test_danet_gives_what_the_published_modules_give_added():
    (tensors, position), (channel_tensors, channel) = map(
        stored, ("danet_position", "danet_channel")
    )
    names = {
        f"{part}/{ours}": f"{part}_conv.{theirs}"
        for part in ("query", "key", "value")
        for ours, theirs in (("kernel", "weight"), ("bias", "bias"))
    } | {"position_scale": "gamma", "channel_scale": "channel_gamma"}
    tensors["channel_gamma"] = channel_tensors["gamma"]
    for part in ("query", "key", "value"):
        tensors[f"{part}_conv.weight"] = tensors[f"{part}_conv.weight"][:, :, 0, 0]
    module = registry.find("jaxhash.models.attention", "danet").build()
    got = module.apply(with_published(module, names, tensors), images(*MAP), False)
    np.testing.assert_allclose(got, position + channel, rtol=1e-4, atol=1e-5)


def test_se_gates_each_channel_by_equation_3():
    x = images(2, 3, 3, 8)
    module = registry.find("jaxhash.models.attention", "se").build(reduction=4)
    variables = module.init(jax.random.key(0), x, False)
    squeeze, excite = (np.asarray(variables["params"][n]) for n in ("squeeze", "excite"))
    gate = 1 / (1 + np.exp(-np.maximum(x.mean((1, 2)) @ squeeze, 0) @ excite))
    got = module.apply(variables, x, False)
    np.testing.assert_allclose(got, x * gate[:, None, None, :], rtol=1e-5, atol=1e-6)


def test_triplet_without_its_spatial_branch_averages_two():
    tensors, whole = stored("triplet")
    build = registry.find("jaxhash.models.attention", "triplet").build
    x = images(*MAP)
    two, three = build(spatial=False), build()
    variables = with_published(three, triplet_names(), tensors)
    fewer = jax.tree.map(lambda leaf: leaf, variables)
    for collection in fewer.values():
        for name in [n for n in collection if n.startswith("height_width")]:
            del collection[name]
    spatial = 3 * whole - 2 * two.apply(fewer, x, False)
    gate = spatial / x
    # What is left is x times one gate a position, the same for all channels.
    assert np.abs(gate - np.median(gate, axis=-1, keepdims=True)).max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in registry.names("jaxhash.models.attention")])
def test_shape_and_dtype_stay(name):
    module = registry.find("jaxhash.models.attention", name).build(dtype=jnp.bfloat16)
    x = jnp.ones((1, 4, 4, 16), jnp.bfloat16)
    out, _ = module.init_with_output(jax.random.key(0), x, False)
    assert out.shape == x.shape and out.dtype == x.dtype


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("se", {"reduction": 0}),
        ("cbam", {"reduction": 0}),
        ("danet", {"reduction": 0}),
        ("cab", {"squeeze": 0}),
    ],
)
def test_a_narrowing_below_1_is_refused(name, options):
    with pytest.raises(UserError, match="at least 1"):
        registry.find("jaxhash.models.attention", name).build(**options)
