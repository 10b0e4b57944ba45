"""The trained network of the service: compiled for a few batch sizes, on one device."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import matplotlib
import numpy as np
from PIL import Image

from jaxhash.data.images import decoder
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders.batches import separate
from jaxhash.encoders.encoder import ImageEncoder

OVERLAY_SIDE = 512
OPACITY = 200  # of 255, where attention is strongest


class Encoded(NamedTuple):
    """The code of a picture, uint8 [ceil(k/8)], and its features, int8 [d], where there are any."""

    code: np.ndarray
    features: np.ndarray | None = None


class Network:
    """Computes codes and attention maps of pictures.

    Attributes:
      bits: k.
      nodes: of the backbone that have an attention map, in its order; may be empty.
      max_batch: the largest number of pictures in one call.
      shape: (h, w, c) of what it reads of a picture.
    """

    def __init__(self, encoder: ImageEncoder, max_batch: int = 32):
        """Copies the weights to the device."""
        self.bits = encoder.bits
        self.max_batch = max_batch
        self.shape = (encoder.size, encoder.size, encoder.channels)
        self.nodes = encoder.nodes
        self._replicas = Replicas(1)
        self._variables = self._replicas.replicate(encoder.variables)
        self._features = bool(encoder.features)
        step = encoder.encode_features if self._features else encoder.encode
        self._encode = self._replicas.map(step)
        self._attend = self._replicas.map(encoder.attend)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Converts a picture to what the network reads, uint8 [h w c]."""
        return decoder.to_array(image, self.shape)

    def warm_up(self) -> None:
        """Compiles for every batch size, so that no request waits for it."""
        blank = np.zeros(self.shape, np.uint8)
        count = 1
        while count < 2 * self.max_batch:
            self.codes([blank] * min(count, self.max_batch))
            count *= 2
        if self.nodes:
            self._call(self._attend, blank[None])

    def codes(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Computes the packed codes of pictures alone, uint8 [n ceil(k/8)]; see `encode`."""
        return np.stack([encoded.code for encoded in self.encode(pictures)])

    def encode(self, pictures: Sequence[np.ndarray]) -> list[Encoded]:
        """Encodes pictures; their number is padded to a power of two, for few compilations.

        Args:
          pictures: n arrays uint8 [h w c], from `prepare`; at most `max_batch`.
        """
        count = min(1 << (len(pictures) - 1).bit_length(), self.max_batch)
        filled = np.stack([*pictures, *[pictures[0]] * (count - len(pictures))])
        rows = self._call(self._encode, filled)[: len(pictures)]
        if not self._features:
            return [Encoded(code) for code in rows]
        return [Encoded(*pair) for pair in zip(*separate(rows, self.bits), strict=True)]

    def overlay(self, picture: np.ndarray, width: int, height: int) -> Image.Image:
        """Draws the last attention map of a picture, as an overlay.

        Args:
          picture: uint8 [h w c], from `prepare`.
          width, height: of the original in pixels, for the proportions.

        Returns:
          RGBA, 512 pixels at the longer side: bright and opaque where attention is strongest,
          transparent where it is weakest.
        """
        weights = self._call(self._attend, picture[None])[self.nodes[-1]][0]
        shown = (weights - weights.min()) / (np.ptp(weights) or 1.0)
        scale = OVERLAY_SIDE / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        smooth = Image.fromarray(shown.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        strength = np.asarray(smooth).clip(0, 1)
        pixels = matplotlib.colormaps["inferno"](strength, bytes=True)
        pixels[..., 3] = strength * OPACITY
        return Image.fromarray(pixels)

    def _call(self, step, pictures: np.ndarray):
        found = step(self._variables, self._replicas.shard(pictures))
        return jax.tree.map(np.asarray, self._replicas.gather(found))
