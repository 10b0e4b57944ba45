from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxhash import backbones
from jaxhash.backbones import pretrained, resnet
from jaxhash.errors import UserError
from tests.torch_weights import images, weights


def untouched(node, x):
    return x


@pytest.fixture(scope="module")
def stored():
    with np.load(Path(__file__).with_name("resnet18_parity.npz")) as file:
        shapes = {
            str(name): tuple(int(n) for n in str(shape).split(","))
            for name, shape in zip(file["names"], file["shapes"], strict=True)
        }
        return shapes, file["features"]


@pytest.fixture(scope="module")
def weights_file(stored, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(weights(stored[0]), path)
    return str(path)


def random_variables(network, size):
    x = jnp.zeros((1, size, size, 3))
    variables = jax.eval_shape(
        lambda: network.init(jax.random.key(0), x, train=False, at_node=untouched)
    )
    return {collection: {"backbone": tree} for collection, tree in variables.items()}


def test_converted_weights_give_what_torchvision_gives(stored, weights_file):
    network = resnet.build("resnet18")
    converted = pretrained.initialise(
        random_variables(network, 64), weights_file, resnet.torch_name
    )
    variables = {name: tree["backbone"] for name, tree in converted.items()}
    got = jax.jit(lambda x: network.apply(variables, x, train=False, at_node=untouched))(
        images(2, 64, 64, 3)
    )
    expected = stored[1]
    assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()


def test_every_tensor_of_the_file_but_the_classifier_is_used(stored):
    network = resnet.build("resnet18")
    names = set()
    for tree in random_variables(network, 64).values():
        for path, _ in jax.tree_util.tree_flatten_with_path(tree["backbone"])[0]:
            names.add(resnet.torch_name([key.key for key in path]))
    assert names == {name for name in stored[0] if not name.startswith("fc.")}


@pytest.mark.parametrize(
    ("options", "size", "expected"),
    [
        ({}, 224, (7, 7, 512)),
        ({"stem": "3x3", "stem_pool": False}, 32, (4, 4, 512)),
        ({"stem": "3x3", "strides": (1, 2, 2, 1), "width": 16}, 32, (4, 4, 128)),
    ],
)
def test_shapes_of_the_map(options, size, expected):
    network = resnet.build("resnet18", **options)
    nodes = []

    def at_node(node, x):
        nodes.append(node)
        return x

    x = jnp.zeros((1, size, size, 3))
    out, _ = jax.eval_shape(
        lambda: network.init_with_output(jax.random.key(0), x, train=False, at_node=at_node)
    )
    assert out.shape == (1, *expected)
    assert tuple(nodes) == resnet.NODES


def test_weights_of_another_stem_are_refused(weights_file):
    network = resnet.build("resnet18", stem="3x3")
    shapes = r"'conv1.weight' has shape \(7, 7, 3, 64\).*\(3, 3, 3, 64\)"
    with pytest.raises(UserError, match=shapes):
        pretrained.initialise(random_variables(network, 32), weights_file, resnet.torch_name)


def test_weights_of_another_network_are_refused(tmp_path):
    path = str(tmp_path / "other.safetensors")
    save_file({"patch_embed.weight": np.zeros(3, np.float32)}, path)
    network = resnet.build("resnet18")
    with pytest.raises(UserError, match="has no tensor"):
        pretrained.initialise(random_variables(network, 64), path, resnet.torch_name)


def test_damaged_and_missing_files_are_refused(tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\x00\x01")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        pretrained.read(str(damaged))
    with pytest.raises(UserError, match="no such file.*model.weights=none"):
        pretrained.read(str(tmp_path / "absent.safetensors"))


def test_a_hub_out_of_reach_names_the_local_way(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(pretrained, "hf_hub_download", unreachable)
    with pytest.raises(UserError, match=r"PATH\.safetensors.*model\.weights=none") as error:
        pretrained.read("timm/resnet18.tv_in1k")
    assert "\n" not in str(error.value)


def test_a_hub_within_reach_is_read(monkeypatch, weights_file):
    monkeypatch.setattr(pretrained, "hf_hub_download", lambda *args, **kwargs: weights_file)
    assert "layer4.1.bn2.running_var" in pretrained.read("timm/resnet18.tv_in1k")


def test_unknown_names_and_options_are_refused():
    with pytest.raises(UserError, match="did you mean resnet18"):
        backbones.family("resnet81")
    with pytest.raises(UserError, match="stem '5x5'"):
        resnet.build("resnet18", stem="5x5")
    with pytest.raises(UserError, match="four numbers"):
        resnet.build("resnet18", strides=(1, 2, 2))
