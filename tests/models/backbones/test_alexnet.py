import jax
import jax.numpy as jnp
import pytest

from jaxhash.errors import UserError
from jaxhash.models.backbones import alexnet
from tests.models.backbones import networks, parity


def test_converted_weights_give_what_torchvision_gives(tmp_path):
    stored = parity.load("alexnet")
    network = alexnet.build("alexnet", hidden=stored.features.shape[1])
    got = networks.convert(
        network, alexnet, stored.tensors, stored.images, tmp_path / "alexnet.safetensors"
    )
    assert networks.difference(got, stored.features) < 1e-4


def test_every_tensor_of_the_file_but_the_classifier_is_used():
    names = networks.torch_names(alexnet.build("alexnet", hidden=32), (224, 224), alexnet)
    tensors = parity.load("alexnet").tensors
    assert sorted(names) == sorted((n,) for n in tensors if not n.startswith("classifier.6."))


@pytest.mark.parametrize(
    ("options", "size", "expected"),
    [
        ({}, (224, 224), (4096,)),
        ({"hidden": 0}, (224, 224), (6, 6, 256)),
        ({"hidden": 0, "width": 16}, (256, 224), (7, 6, 64)),
        ({"hidden": 48, "stem": "3x3", "pool": 2}, (32, 32), (48,)),
        ({"hidden": 0, "stem": "3x3"}, (32, 32), (3, 3, 256)),
    ],
)
def test_shapes_and_nodes(options, size, expected):
    shape, nodes = networks.visit(alexnet.build("alexnet", **options), size)
    assert shape == (1, *expected)
    assert nodes == alexnet.nodes("alexnet") == tuple(f"stage{i}" for i in range(1, 6))


def test_nodes_stand_behind_the_poolings():
    maps = {}

    def at_node(node, x):
        maps[node] = x.shape[1:]
        return x

    network = alexnet.build("alexnet")
    x = jnp.zeros((1, 224, 224, 3))
    jax.eval_shape(lambda: network.init(jax.random.key(0), x, train=False, at_node=at_node))
    assert maps == {
        "stage1": (27, 27, 64),
        "stage2": (13, 13, 192),
        "stage3": (13, 13, 384),
        "stage4": (13, 13, 256),
        "stage5": (6, 6, 256),
    }


def test_dropout_is_of_training_alone():
    network = alexnet.build("alexnet", stem="3x3", width=2, hidden=64, pool=1)
    training, encoding = networks.dropped(network, (16, 16))
    assert (training[0] != training[1]).any()
    assert (encoding[0] == encoding[1]).all()


@pytest.mark.parametrize(("stem", "size"), [("11x11", 62), ("11x11", 4), ("3x3", 14)])
def test_small_images_are_refused(stem, size):
    network = alexnet.build("alexnet", stem=stem, hidden=0)
    networks.visit(network, (63, 63))
    with pytest.raises(UserError, match="data.size: the images are too small") as error:
        networks.visit(network, (63, size))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [("stem", "7x7"), ("width", 0), ("hidden", -1), ("dropout", 1.0), ("pool", 0)],
)
def test_bad_options_are_refused(option, value):
    with pytest.raises(UserError, match=rf"model\.backbone\.alexnet\.{option}={value}: expected"):
        alexnet.build("alexnet", **{option: value})
