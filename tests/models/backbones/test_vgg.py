import pytest

from jaxhash.errors import UserError
from jaxhash.models.backbones import vgg
from tests.models.backbones import networks, parity

WIDTH = 4  # of the stored networks
# Where timm has other names, and kernels of another shape.
TIMM = {
    "classifier.0.weight": ("pre_logits.fc1.weight", (7, 7)),
    "classifier.0.bias": ("pre_logits.fc1.bias", ()),
    "classifier.3.weight": ("pre_logits.fc2.weight", (1, 1)),
    "classifier.3.bias": ("pre_logits.fc2.bias", ()),
    "classifier.6.weight": ("head.fc.weight", ()),
    "classifier.6.bias": ("head.fc.bias", ()),
}


def as_timm(tensors):
    renamed = {}
    for name, tensor in tensors.items():
        name, window = TIMM.get(name, (name, ()))
        if window:
            tensor = tensor.reshape(len(tensor), -1, *window)
        renamed[name] = tensor
    return renamed


@pytest.mark.parametrize("naming", [dict, as_timm])
@pytest.mark.parametrize("name", sorted(vgg.VARIANTS))
def test_converted_weights_give_what_torchvision_gives(name, naming, tmp_path):
    stored = parity.load(name)
    network = vgg.build(name, width=WIDTH, hidden=stored.features.shape[1])
    path = tmp_path / "vgg.safetensors"
    got = networks.convert(network, vgg, naming(stored.tensors), stored.images, path)
    assert networks.difference(got, stored.features) < 1e-4


@pytest.mark.parametrize("name", sorted(vgg.VARIANTS))
def test_every_tensor_of_the_file_but_the_classifier_is_used(name):
    candidates = networks.torch_names(vgg.build(name, hidden=32), (32, 32), vgg)
    tensors = [n for n in parity.load(name).tensors if not n.startswith("classifier.6.")]
    assert sorted(names[0] for names in candidates) == sorted(tensors)
    timm = [TIMM.get(n, (n,))[0] for n in tensors]
    assert sorted(names[-1] for names in candidates) == sorted(timm)


@pytest.mark.parametrize("name", sorted(vgg.VARIANTS))
@pytest.mark.parametrize(
    ("options", "size", "expected"),
    [
        ({}, (224, 224), (4096,)),
        ({"hidden": 0}, (224, 224), (7, 7, 512)),
        ({"hidden": 0, "width": 16}, (32, 64), (1, 2, 128)),
        ({"hidden": 48, "pool": 1}, (32, 32), (48,)),
    ],
)
def test_shapes_and_nodes(name, options, size, expected):
    shape, nodes = networks.visit(vgg.build(name, **options), size)
    assert shape == (1, *expected)
    assert nodes == vgg.nodes(name) == tuple(f"stage{i}" for i in range(1, 6))


def test_dropout_is_of_training_alone():
    network = vgg.build("vgg16", width=1, hidden=64, pool=1)
    training, encoding = networks.dropped(network, (32, 32))
    assert (training[0] != training[1]).any()
    assert (encoding[0] == encoding[1]).all()


def test_small_images_are_refused():
    network = vgg.build("vgg16", hidden=0)
    with pytest.raises(UserError, match="data.size: the images are too small"):
        networks.visit(network, (32, 31))


@pytest.mark.parametrize(
    ("option", "value"), [("width", 0), ("hidden", -1), ("dropout", 1.0), ("pool", 0)]
)
def test_bad_options_are_refused(option, value):
    with pytest.raises(UserError, match=rf"model\.backbone\.vgg\.{option}={value}: expected"):
        vgg.build("vgg16", **{option: value})
