import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxhash.errors import UserError
from jaxhash.models import backbones, pretrained
from jaxhash.models.backbones import resnet
from tests.models import torch_writer
from tests.models.backbones import networks, parity
from tests.models.torch_writer import Tensor


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(parity.load("resnet18").tensors, path)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_converted_weights_give_what_torchvision_gives(name, tmp_path):
    stored = parity.load(name)
    got = networks.convert(
        resnet.build(name), resnet, stored.tensors, stored.images, tmp_path / "r.safetensors"
    )
    assert networks.difference(got, stored.features) < 1e-4


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_every_tensor_of_the_file_but_the_classifier_is_used(name):
    names = networks.torch_names(resnet.build(name), (64, 64), resnet)
    tensors = parity.load(name).tensors
    assert sorted(names) == sorted((n,) for n in tensors if not n.startswith("fc."))


@pytest.mark.parametrize(
    ("name", "options", "size", "expected"),
    [
        ("resnet18", {}, 224, (7, 7, 512)),
        ("resnet18", {"stem": "3x3", "stem_pool": False}, 32, (4, 4, 512)),
        ("resnet18", {"stem": "3x3", "strides": (1, 2, 2, 1), "width": 16}, 32, (4, 4, 128)),
        ("resnet34", {}, 64, (2, 2, 512)),
        ("resnet50", {}, 224, (7, 7, 2048)),
        ("resnet50", {"stem": "3x3", "strides": (1, 2, 2, 1), "width": 4}, 32, (4, 4, 128)),
    ],
)
def test_shapes_and_nodes(name, options, size, expected):
    shape, nodes = networks.visit(resnet.build(name, **options), (size, size))
    assert shape == (1, *expected)
    assert nodes == resnet.nodes(name) == ("stage1", "stage2", "stage3", "stage4")


def test_weights_of_another_stem_are_refused(weights_file):
    template = networks.template(resnet.build("resnet18", stem="3x3"), (32, 32))
    shapes = r"'conv1.weight' has shape \(7, 7, 3, 64\).*\(3, 3, 3, 64\)"
    with pytest.raises(UserError, match=shapes):
        pretrained.initialise(template, weights_file, resnet.torch_names)


def test_weights_of_another_network_are_refused(tmp_path):
    path = str(tmp_path / "other.safetensors")
    save_file({"patch_embed.weight": np.zeros(3, np.float32)}, path)
    template = networks.template(resnet.build("resnet18"), (64, 64))
    with pytest.raises(UserError, match="has no tensor"):
        pretrained.initialise(template, path, resnet.torch_names)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_checkpoints_of_pytorch_give_the_same_network(tmp_path, weights_file, suffix, prefix):
    tensors = load_file(weights_file)
    path = tmp_path / f"weights{suffix}"
    content = {f"{prefix}{name}": Tensor(x, str(n)) for n, (name, x) in enumerate(tensors.items())}
    torch_writer.archive(path, {"state_dict": content, "epoch": 90})
    assert pretrained.read(str(path)).keys() >= tensors.keys()
    template = networks.template(resnet.build("resnet18"), (64, 64))
    found, expected = (
        pretrained.initialise(template, weights, resnet.torch_names)
        for weights in (str(path), weights_file)
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def test_damaged_and_missing_files_are_refused(tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\x00\x01")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        pretrained.read(str(damaged))
    (tmp_path / "damaged.pth").write_bytes(b"\x00\x01")
    with pytest.raises(UserError, match="not a readable PyTorch checkpoint"):
        pretrained.read(str(tmp_path / "damaged.pth"))
    for name in ("absent.safetensors", "absent.pth"):
        with pytest.raises(UserError, match="no such file.*model.weights=none"):
            pretrained.read(str(tmp_path / name))


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
