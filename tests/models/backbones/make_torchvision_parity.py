"""Made the .npz files of AlexNet, ResNet and VGG, with torch 2.13 and torchvision 0.29.

Run from the top: python -m tests.models.backbones.make_torchvision_parity [NAME ...].

Stored is what torchvision gives: of ResNets before pooling, of the others behind two connected
layers, which are made small here; VGG's convolutions are too. Images, but those of ResNet18, are
not square, so that no two axes can be mistaken for each other.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
import torchvision
from torch import nn
from torchvision.models import vgg

from tests.models.backbones.parity import Parity, draw, store
from tests.models.torch_weights import images

HIDDEN = 32
CLASSES = 5
VGG_WIDTH = 4


def shrink_classifier(network: nn.Module, inputs: int) -> nn.Module:
    """Replaces the connected layers by small ones, in the places where they stand."""
    sizes = iter([(inputs, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, CLASSES)])
    for index, layer in enumerate(network.classifier):
        if isinstance(layer, nn.Linear):
            network.classifier[index] = nn.Linear(*next(sizes))
    return network


def alexnet() -> nn.Module:
    """AlexNet with its own convolutions."""
    return shrink_classifier(torchvision.models.alexnet(), 256 * 6 * 6)


def small_vgg(batch_norm: bool) -> nn.Module:
    """VGG16 with few channels."""
    layers = [n if n == "M" else n * VGG_WIDTH // 64 for n in vgg.cfgs["D"]]
    network = vgg.VGG(vgg.make_layers(layers, batch_norm=batch_norm))
    return shrink_classifier(network, 8 * VGG_WIDTH * 7 * 7)


def connected_features(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What the classifier's last layer is given, [b c]."""
    return network.classifier[:-1](network.avgpool(network.features(x)).flatten(1))


def last_map(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a ResNet gives before pooling, [b h w c]."""
    for name in ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]:
        x = getattr(network, name)(x)
    return x.permute(0, 2, 3, 1)


class Network(NamedTuple):
    """A network, what is stored of it, the shape of its images, and the `gain` of `parity.draw`."""

    make: Callable[[], nn.Module]
    features: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    images: tuple[int, ...]
    gain: float = 1.0


# The last maps of AlexNet and VGG are 8 x 4 here: the averaging to 6 x 6 and 7 x 7 averages rows
# and spreads columns out.
NETWORKS = {
    "alexnet": Network(alexnet, connected_features, (2, 288, 160, 3)),
    "resnet18": Network(torchvision.models.resnet18, last_map, (2, 64, 64, 3)),
    "resnet50": Network(torchvision.models.resnet50, last_map, (1, 64, 32, 3)),
    "vgg16": Network(lambda: small_vgg(False), connected_features, (2, 256, 128, 3)),
    "vgg16_bn": Network(lambda: small_vgg(True), connected_features, (2, 256, 128, 3), gain=1.7),
}


def main(names: list[str]) -> None:
    for name in names or NETWORKS:
        make, forward, shape, gain = NETWORKS[name]
        # The weights that PyTorch would draw are never made.
        with torch.device("meta"):
            network = make().eval()
        shapes = {n: tuple(value.shape) for n, value in network.state_dict().items()}
        tensors = draw({n: s for n, s in shapes.items() if "num_batches" not in n}, gain)
        arrays = {n: torch.from_numpy(t) for n, t in tensors.items()}
        network.load_state_dict(arrays, strict=False, assign=True)
        x = images(*shape)
        with torch.no_grad():
            features = forward(network, torch.from_numpy(x).permute(0, 3, 1, 2))
        store(name, Parity(tensors, x, features.numpy()), gain)


if __name__ == "__main__":
    main(sys.argv[1:])
