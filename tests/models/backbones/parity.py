"""Features that PyTorch gave for random weights, stored beside the names and shapes of these.

Weights and images are not stored: both sides draw them from their names and shapes.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.models import torch_weights


class Parity(NamedTuple):
    """Tensors by their PyTorch names, images [b h w c] and what PyTorch gives for them."""

    tensors: dict[str, np.ndarray]
    images: np.ndarray
    features: np.ndarray


def draw(shapes: dict[str, tuple[int, ...]], gain: float) -> dict[str, np.ndarray]:
    """Draws the tensors so that activations keep their size.

    A matrix is drawn like a 1x1 convolution. Scales of batch normalisation, which shrink what they
    are given by about 0.6, are multiplied by `gain`: without shortcuts, the image would not be seen
    for biases behind many of them.
    """
    tensors = torch_weights.weights(
        {n: (*s, 1, 1) if len(s) == 2 else s for n, s in shapes.items()}
    )
    return {
        name: tensor.reshape(shapes[name])
        * np.float32(gain if name.endswith("weight") and tensor.ndim == 1 else 1)
        for name, tensor in tensors.items()
    }


def store(name: str, parity: Parity, gain: float) -> None:
    """Stores the features, and what all else follows from."""
    np.savez_compressed(
        Path(__file__).with_name(f"{name}_parity.npz"),
        features=parity.features,
        images=parity.images.shape,
        gain=gain,
        names=np.array(list(parity.tensors)),
        shapes=np.array([",".join(map(str, t.shape)) for t in parity.tensors.values()]),
    )


def load(name: str) -> Parity:
    """Draws what `store` has not stored."""
    with np.load(Path(__file__).with_name(f"{name}_parity.npz")) as file:
        shapes = {
            str(name): tuple(int(n) for n in str(shape).split(","))
            for name, shape in zip(file["names"], file["shapes"], strict=True)
        }
        tensors = draw(shapes, file["gain"])
        return Parity(tensors, torch_weights.images(*file["images"]), file["features"])
