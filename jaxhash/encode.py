"""Encoding: images to packed codes, in batches over the devices."""

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np
from tqdm import tqdm

from jaxhash.data import stream
from jaxhash.encoder import ImageEncoder
from jaxhash.parallel import Replicas


def encode(
    step: Callable,
    replicas: Replicas,
    variables: dict,
    pixels: stream.Pixels,
    *,
    batch_size: int,
    title: str | None = "encode",
    workers: int = 0,
) -> np.ndarray:
    """Encodes images of any number; the last batch is filled up and cut back.

    Args:
      step: `steps.encode_step`, mapped over the replicas.
      replicas: the devices.
      variables: of the model, replicated.
      pixels: uint8 [n h w c], in memory or stored.
      batch_size: images a call over all devices, rounded up to a multiple of their number.
      title: of the progress bar; None shows none.
      workers: processes that decode stored images.

    Returns:
      uint8 [n ceil(k/8)], bits packed most significant first.
    """
    batch_size = -(-batch_size // len(replicas)) * len(replicas)
    steps = range(-(-len(pixels) // batch_size))
    codes = []
    quiet = True if title is None else None  # None: unless somebody watches
    batches = stream.read(pixels, partial(stream.chunk, size=batch_size), steps, workers)
    with contextlib.closing(batches):
        for images in tqdm(batches, title, total=len(steps), leave=False, disable=quiet):
            filled = np.resize(images, (batch_size, *images.shape[1:]))
            packed = replicas.gather(step(variables, replicas.shard(filled)))
            codes.append(packed[: len(images)])
    return np.concatenate(codes)


def compiled(encoder: ImageEncoder, batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Makes a function of a trained network that encodes images on all devices.

    Args:
      encoder: the network, from a checkpoint or exported.
      batch_size: images a call of the device; fewer are filled up, so it is compiled once a size of
        image.

    Returns:
      a function of uint8 [n h w c] to uint8 [n ceil(k/8)].
    """
    replicas = Replicas()
    step = replicas.map(encoder.encode)
    variables = replicas.replicate(encoder.variables)
    return partial(encode, step, replicas, variables, batch_size=batch_size, title=None)
