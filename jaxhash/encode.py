"""Encoding: images to packed codes, in batches over the devices."""

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np
from tqdm import tqdm

from jaxhash.data import stream
from jaxhash.parallel import Replicas


def encode(
    step: Callable,
    replicas: Replicas,
    variables: dict,
    pixels: stream.Pixels,
    *,
    batch_size: int,
    title: str = "encode",
    workers: int = 0,
) -> np.ndarray:
    """Encodes images of any number; the last batch is filled up and cut back.

    Args:
      step: `steps.encode_step`, mapped over the replicas.
      replicas: the devices.
      variables: of the model, replicated.
      pixels: uint8 [n h w c], in memory or stored.
      batch_size: images a call over all devices, rounded up to a multiple of their number.
      title: of the progress bar.
      workers: processes that decode stored images.

    Returns:
      uint8 [n ceil(k/8)], bits packed most significant first.
    """
    batch_size = -(-batch_size // len(replicas)) * len(replicas)
    steps = range(-(-len(pixels) // batch_size))
    codes = []
    batches = stream.read(pixels, partial(stream.chunk, size=batch_size), steps, workers)
    with contextlib.closing(batches):
        for images in tqdm(batches, title, total=len(steps), leave=False, disable=None):
            filled = np.resize(images, (batch_size, *images.shape[1:]))
            packed = replicas.gather(step(variables, replicas.shard(filled)))
            codes.append(packed[: len(images)])
    return np.concatenate(codes)
