"""The Vision Transformer against timm's, and what it offers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from safetensors.numpy import save_file

from jaxhash import config as configs
from jaxhash.errors import UserError
from jaxhash.models import freezing, hash_network, pretrained
from jaxhash.models.backbones import vit
from tests.models.backbones import make_vit_parity as parity
from tests.models.backbones import timm_parity
from tests.models.torch_weights import images


def untouched(node, x):
    return x


@pytest.fixture(scope="module")
def stored():
    return timm_parity.read("vit")


@pytest.fixture(scope="module")
def converted(stored, tmp_path_factory):
    network = vit.VisionTransformer(
        parity.EMBED, parity.DEPTH, parity.HEADS, parity.PATCH, "all", 0.0
    )
    x = images(2, parity.SIZE, parity.SIZE, 3)
    shapes = jax.eval_shape(
        partial(network.init, train=False, at_node=untouched), jax.random.key(0), x
    )
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm_parity.draw(stored[0]), path)
    template = {"params": {"backbone": shapes["params"]}}
    found = pretrained.initialise(template, str(path), vit.torch_names)
    return network, {"params": found["params"]["backbone"]}, x


def test_converted_weights_give_what_timm_gives(stored, converted):
    network, variables, x = converted
    tokens = stored[1]
    for pool, expected in (
        ("all", tokens.reshape(2, -1)),
        ("token", tokens[:, 0]),
        ("mean", tokens[:, 1:].mean(axis=1)),
    ):
        found = network.clone(pool=pool).apply(variables, x, False, untouched)
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_every_tensor_of_the_file_but_the_classifier_is_used(stored, converted):
    paths = traverse_util.flatten_dict(converted[1]["params"])
    names = [name for path in paths for name in vit.torch_names(path)]
    assert sorted(names) == sorted(name for name in stored[0] if not name.startswith("head."))


@pytest.mark.slow
def test_each_block_is_a_node_with_all_tokens_and_can_be_the_cut():
    config = configs.base().model
    config.backbone.name = "vit_micro"
    config.backbone.vit.patch = 8
    model = hash_network.build(config, labels=3)
    x = jnp.asarray(images(2, 16, 16, 3))
    variables = model.init(jax.random.key(0), x)
    expected = model.apply(variables, x).u
    cut = model.clone(cut="block1")
    kept = cut.apply(variables, x, method=hash_network.HashModel.trunk)
    assert kept.shape == (2, 1, 5, 32)  # the class token, and four patches
    found = cut.apply(variables, jnp.zeros_like(x), kept=kept).u
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4)
    trained = freezing.trained(cut, variables, (16, 16, 3))["params"]["backbone"]
    assert trained["blocks_1"]["attn"]["qkv"]["kernel"]
    assert not trained["blocks_0"]["attn"]["qkv"]["kernel"] and not trained["pos_embed"]


def test_the_published_network_has_its_published_size():
    config = configs.base().model
    config.backbone.name = "vit_base"
    model = hash_network.build(config, labels=3)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 224, 224, 3))))
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]["backbone"]))
    assert count == 85_798_656  # timm's vit_base_patch16_224 without its classifier


@pytest.mark.parametrize(
    ("option", "value"), [("patch", 0), ("pool", "max"), ("drop", 1.0), ("drop", -0.1)]
)
def test_an_option_out_of_its_range(option, value):
    with pytest.raises(UserError, match=rf"^model\.backbone\.vit\.{option}={value}: expected"):
        vit.build("vit_micro", **{option: value})


@pytest.mark.parametrize(("size", "near"), [(100, "96 or 112"), (8, "16")])
def test_an_image_that_cannot_be_cut_into_patches(size, near):
    network = vit.build("vit_micro")
    with pytest.raises(UserError, match=rf"cannot take images of {size} pixels: .* {near}\n"):
        network.init(jax.random.key(0), jnp.zeros((1, size, size, 3)), False, untouched)
