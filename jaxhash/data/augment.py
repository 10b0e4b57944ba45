"""Augmentation and normalisation inside the compiled step: uint8 in, float32 out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Augment(NamedTuple):
    """Resizing, normalisation and augmentation: from uint8 pixels to the input of the network.

    size: height and width of the input in pixels; images are resized to it, bilinearly.
    pad: in training, an image is padded by this many black pixels and cropped at random.
    flip: in training, half of the images are mirrored.
    mean, std: of each channel, for pixels in [0, 1].
    """

    size: int
    pad: int = 0
    flip: bool = False
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def for_training(self, key: jax.Array, images: jax.Array, index: jax.Array) -> jax.Array:
        """Maps uint8 [b h w c] to float32 [b size size c], at random.

        Each image draws from its own key, `key` folded with its number in the training set, so the
        result does not depend on how the batch is spread over devices.

        >>> import jax, jax.numpy as jnp
        >>> images = jnp.zeros((2, 8, 8, 1), jnp.uint8)
        >>> augment = Augment(16, pad=2, flip=True, mean=(0.5,), std=(0.5,))
        >>> augment.for_training(jax.random.key(0), images, jnp.arange(2)).shape
        (2, 16, 16, 1)
        """
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(index)
        return jax.vmap(self._distort)(keys, self.for_encoding(images))

    def for_encoding(self, images: jax.Array) -> jax.Array:
        """Maps uint8 [b h w c] to float32 [b size size c], without randomness.

        >>> import jax.numpy as jnp
        >>> white = jnp.full((1, 4, 4, 1), 255, jnp.uint8)
        >>> float(Augment(4, mean=(0.5,), std=(0.5,)).for_encoding(white).max())
        1.0
        """
        x = images.astype(jnp.float32) / 255
        batch, height, width, channels = x.shape
        if (height, width) != (self.size, self.size):
            x = jax.image.resize(x, (batch, self.size, self.size, channels), "bilinear")
        return (x - _per_channel(self.mean, x)) / _per_channel(self.std, x)

    def blank(self, count: int) -> jax.Array:
        """Returns `count` inputs of the network that are nought: float32 [count size size c].

        >>> Augment(8).blank(2).shape
        (2, 8, 8, 3)
        """
        return jnp.zeros((count, self.size, self.size, len(self.mean)), jnp.float32)

    def _distort(self, key: jax.Array, x: jax.Array) -> jax.Array:
        flip_key, crop_key = jax.random.split(key)
        if self.flip:
            x = jnp.where(jax.random.bernoulli(flip_key), x[:, ::-1], x)
        if self.pad:
            black = -_per_channel(self.mean, x) / _per_channel(self.std, x)
            padding = ((self.pad, self.pad), (self.pad, self.pad), (0, 0))
            padded = jnp.pad(x - black, padding) + black
            top, left = jax.random.randint(crop_key, (2,), 0, 2 * self.pad + 1)
            x = jax.lax.dynamic_slice(padded, (top, left, 0), x.shape)
        return x


def build(config: Any) -> Augment:
    """Builds the augmentation that `config.data` describes.

    >>> from ml_collections import ConfigDict
    >>> build(ConfigDict(dict(size=8, pad=1, flip=True, mean=(0.5,), std=(0.5,)))).size
    8
    """
    return Augment(config.size, config.pad, config.flip, tuple(config.mean), tuple(config.std))


def _per_channel(values: tuple[float, ...], x: jax.Array) -> jax.Array:
    return jnp.array(values).reshape(*(1 for _ in x.shape[:-1]), -1)
