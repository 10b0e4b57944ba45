"""Made resnet18_parity.npz, with torch 2.13 and torchvision 0.29.

Run from the top: python -m tests.backbones.make_resnet_parity.

Weights and images are not stored: both sides draw them by `tests/torch_weights.py`, from names and
shapes. Stored are those names and shapes, and what torchvision gives before pooling.
"""

from pathlib import Path

import numpy as np
import torch
import torchvision

from tests.torch_weights import images, weights


def main() -> None:
    network = torchvision.models.resnet18(weights=None).eval()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    tensors = weights({n: s for n, s in shapes.items() if "num_batches" not in n})
    network.load_state_dict({n: torch.from_numpy(t) for n, t in tensors.items()}, strict=False)
    with torch.no_grad():
        x = torch.from_numpy(images(2, 64, 64, 3)).permute(0, 3, 1, 2)
        for name in ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]:
            x = getattr(network, name)(x)
    np.savez_compressed(
        Path(__file__).with_name("resnet18_parity.npz"),
        features=x.permute(0, 2, 3, 1).numpy(),
        names=np.array(list(tensors)),
        shapes=np.array([",".join(map(str, t.shape)) for t in tensors.values()]),
    )


if __name__ == "__main__":
    main()
