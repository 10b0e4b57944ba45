"""Random weights under PyTorch names, and random images, the same on every machine."""

import zlib

import numpy as np


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draws a tensor for every name; variances are positive, activations keep their size."""
    tensors = {}
    for name, shape in shapes.items():
        draw = np.random.RandomState(zlib.crc32(name.encode())).normal(size=shape)
        if len(shape) == 4:
            draw *= np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith("running_var"):
            draw = 1 + 0.5 * np.abs(draw)
        elif name.endswith("weight"):
            draw = 0.7 + 0.1 * draw
        else:
            draw *= 0.1
        tensors[name] = draw.astype(np.float32)
    return tensors


def images(*shape: int) -> np.ndarray:
    """Draws images or maps, [b h w c]."""
    return np.random.RandomState(0).normal(size=shape).astype(np.float32)
