"""Encoding: images to packed codes, in batches over the devices."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from jaxhash.parallel import Replicas


def encode(
    step: Callable,
    replicas: Replicas,
    variables: dict,
    pixels: np.ndarray,
    *,
    batch_size: int,
    title: str = "encode",
) -> np.ndarray:
    """Encodes images of any number; the last batch is filled up and cut back.

    Args:
      step: `steps.encode_step`, mapped over the replicas.
      replicas: the devices.
      variables: of the model, replicated.
      pixels: uint8 [n h w c].
      batch_size: images a call over all devices, rounded up to a multiple of their number.
      title: of the progress bar.

    Returns:
      uint8 [n ceil(k/8)], bits packed most significant first.
    """
    batch_size = -(-batch_size // len(replicas)) * len(replicas)
    codes = []
    for start in tqdm(range(0, len(pixels), batch_size), title, leave=False, disable=None):
        images = pixels[start : start + batch_size]
        filled = np.resize(images, (batch_size, *images.shape[1:]))
        codes.append(replicas.gather(step(variables, replicas.shard(filled)))[: len(images)])
    return np.concatenate(codes)
