"""What timm gives for drawn weights and images, stored beside names and shapes alone."""

from pathlib import Path

import numpy as np

from tests.models.torch_weights import images, weights


def draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draws the tensors; a matrix like a 1x1 convolution, so that activations keep their size.

    Tables of position biases are matrices too: they differ by about 1, and sway the softmax.
    """
    drawn = weights({n: (*s, 1, 1) if len(s) == 2 else s for n, s in shapes.items()})
    return {name: tensor.reshape(shapes[name]) for name, tensor in drawn.items()}


def store(name, network, size: int) -> None:
    """Stores what a network of timm gives before pooling, for drawn weights and two images."""
    # Here, because tests use this file and have no PyTorch.
    import torch

    tensors = draw({name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()})
    with torch.no_grad():
        x = torch.from_numpy(images(2, size, size, 3)).permute(0, 3, 1, 2)
        features = network.eval().forward_features(x)
    np.savez_compressed(
        _path(name),
        features=features.numpy(),
        names=np.array(list(tensors)),
        shapes=np.array([",".join(map(str, t.shape)) for t in tensors.values()]),
    )


def read(name: str) -> tuple[dict[str, tuple[int, ...]], np.ndarray]:
    """Returns the shapes by name, and the features."""
    with np.load(_path(name)) as file:
        shapes = {
            str(name): tuple(int(n) for n in str(shape).split(","))
            for name, shape in zip(file["names"], file["shapes"], strict=True)
        }
        return shapes, file["features"]


def _path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}_parity.npz")
