"""Encoding: images to packed codes, in batches over the devices of all processes."""

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np
from tqdm import tqdm

from jaxhash.data import loader
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders.encoder import ImageEncoder
from jaxhash.errors import UserError


def encode(
    step: Callable,
    replicas: Replicas,
    variables: dict,
    pixels: loader.Array,
    *,
    batch_size: int,
    title: str | None = "encode",
    workers: int = 0,
    numbers: np.ndarray | None = None,
) -> np.ndarray:
    """Encodes any number of images; the last batch is padded, and its codes are cut back.

    Args:
      step: `steps.encode_step`, mapped over the replicas, or another that returns an array a batch.
      replicas: the devices.
      variables: of the model, replicated.
      pixels: uint8 [n h w c], in memory or stored; or what the trunk of the model keeps.
      batch_size: images a call over all devices, rounded up to a multiple of their number.
      title: of the progress bar; None shows none.
      workers: processes that decode stored images.
      numbers: [n] that `step` takes as its third argument, one an image.

    Returns:
      uint8 [n ceil(k/8)], bits packed most significant first, the same on every process; or what
      `step` returns.
    """
    batch_size = -(-batch_size // len(replicas)) * len(replicas)
    steps = range(-(-len(pixels) // batch_size))
    codes = []
    quiet = None if title and replicas.primary else True  # None: off where there is no terminal
    own = partial(_rows, batch_size=batch_size, share=replicas.share(batch_size), of=len(pixels))
    batches = loader.read(pixels, own, steps, workers)
    with contextlib.closing(batches):
        bar = tqdm(batches, title, total=len(steps), leave=False, disable=quiet)
        for number, images in enumerate(bar):
            more = () if numbers is None else (replicas.shard(numbers[own(number)]),)
            codes.append(replicas.gather(step(variables, replicas.shard(images), *more)))
    return np.concatenate(codes)[: len(pixels)]


def _rows(step: int, batch_size: int, share: slice, of: int) -> np.ndarray:
    """Returns one process's image numbers of a batch; the last batch is padded with the first."""
    return np.arange(step * batch_size, (step + 1) * batch_size)[share] % of


def separate(rows: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Takes apart what an encoder computes with features.

    Args:
      rows: uint8 [n ceil(k/8)+k], see `jaxhash.encoders.steps.features_step`.
      bits: k.

    Returns:
      codes, uint8 [n ceil(k/8)], and features, int8 [n k].

    >>> codes, features = separate(np.array([[0b01000000, 255, 127]], np.uint8), 2)
    >>> codes.tolist(), features.tolist()
    ([[64]], [[-1, 127]])
    """
    size = -(-bits // 8)
    return np.ascontiguousarray(rows[:, :size]), rows[:, size:].view(np.int8)


def check_features(encoder: ImageEncoder) -> None:
    """Raises UserError for an encoder that computes no features."""
    if not encoder.features:
        raise UserError(
            "an exported encoder computes codes alone, no features to put hits in order by; give "
            "the workdir of its run"
        )


def compiled(
    encoder: ImageEncoder, batch_size: int, features: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """Makes a function of a trained network that encodes images on all devices.

    Args:
      encoder: the network, from a checkpoint or exported.
      batch_size: images a call; fewer are padded, so that it is compiled once for each image size.
      features: whether it computes features too, which `separate` takes from the codes.

    Returns:
      a function of uint8 [n h w c] to uint8 [n ceil(k/8)], or with features [n ceil(k/8)+k].

    Raises:
      UserError: the encoder computes no features.
    """
    if features:
        check_features(encoder)
    replicas = Replicas()
    step = replicas.map(encoder.encode_features if features else encoder.encode)
    variables = replicas.replicate(encoder.variables)
    return partial(encode, step, replicas, variables, batch_size=batch_size, title=None)
