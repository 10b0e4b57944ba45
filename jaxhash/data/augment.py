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
    zoom: in training, a square of at least this share of the image's area is cut out at random and
      enlarged to the whole, bilinearly; 1 cuts nothing.
    jitter: in training, brightness, contrast and saturation are each multiplied by a factor drawn
      from [1 - jitter, 1 + jitter].
    mirrored: in encoding, the outputs of an image and of its mirror image are averaged.
    central: in encoding, so are those of the image and of the square in its middle with this share
      of its area, enlarged to the whole; 1 for the image alone.
    """

    size: int
    pad: int = 0
    flip: bool = False
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    zoom: float = 1.0
    jitter: float = 0.0
    mirrored: bool = False
    central: float = 1.0

    @property
    def views(self) -> int:
        """Counts the views of each image whose outputs are averaged in encoding.

        >>> Augment(8, mirrored=True, central=0.7).views
        4
        """
        return (1 + self.mirrored) * (1 + (self.central < 1))

    @property
    def random(self) -> bool:
        """Says whether training sees anything else than encoding does."""
        return bool(self.pad or self.flip or self.zoom < 1 or self.jitter)

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

    def all_views(self, images: jax.Array) -> jax.Array:
        """Maps uint8 [b h w c] to float32 [b v size size c]: the `views` of each image.

        They are the image, its mirror image, the middle of it and the mirror image of that, as far
        as `mirrored` and `central` ask for them.

        >>> import jax.numpy as jnp
        >>> image = jnp.array([0, 255], jnp.uint8).reshape(1, 1, 2, 1).repeat(2, axis=1)
        >>> augment = Augment(2, mean=(0.0,), std=(1.0,), mirrored=True)
        >>> augment.all_views(image)[0, :, 0, :, 0].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        shown = [self.for_encoding(images)]
        if self.central < 1:
            side = jnp.sqrt(self.central)
            corner = jnp.full(2, (1 - side) / 2 * self.size)
            shown.append(jax.vmap(lambda x: self._enlarged(x, side, corner))(shown[0]))
        if self.mirrored:
            shown = [view for x in shown for view in (x, x[:, :, ::-1])]
        return jnp.stack(shown, axis=1)

    def blank(self, count: int) -> jax.Array:
        """Returns `count` inputs of the network that are nought: float32 [count size size c].

        >>> Augment(8).blank(2).shape
        (2, 8, 8, 3)
        """
        return jnp.zeros((count, self.size, self.size, len(self.mean)), jnp.float32)

    def _distort(self, key: jax.Array, x: jax.Array) -> jax.Array:
        flip_key, crop_key = jax.random.split(key)
        if self.jitter:
            x = self._jittered(jax.random.fold_in(key, 2), x)
        if self.flip:
            x = jnp.where(jax.random.bernoulli(flip_key), x[:, ::-1], x)
        if self.pad:
            black = -_per_channel(self.mean, x) / _per_channel(self.std, x)
            padding = ((self.pad, self.pad), (self.pad, self.pad), (0, 0))
            padded = jnp.pad(x - black, padding) + black
            top, left = jax.random.randint(crop_key, (2,), 0, 2 * self.pad + 1)
            x = jax.lax.dynamic_slice(padded, (top, left, 0), x.shape)
        if self.zoom < 1:
            x = self._zoomed(jax.random.fold_in(key, 3), x)
        return x

    def _zoomed(self, key: jax.Array, x: jax.Array) -> jax.Array:
        area_key, place_key = jax.random.split(key)
        side = jnp.sqrt(jax.random.uniform(area_key, minval=self.zoom, maxval=1.0))
        corner = jax.random.uniform(place_key, (2,)) * (1 - side) * self.size
        return self._enlarged(x, side, corner)

    def _enlarged(self, x: jax.Array, side: jax.Array, corner: jax.Array) -> jax.Array:
        """Enlarges the square of `side`, a share of the whole, whose top left is at `corner`."""
        enlarged = jnp.full(2, 1 / side)
        return jax.image.scale_and_translate(
            x, x.shape, (0, 1), enlarged, -corner * enlarged, "linear", antialias=False
        )

    def _jittered(self, key: jax.Array, x: jax.Array) -> jax.Array:
        low, high = 1 - self.jitter, 1 + self.jitter
        brightness, contrast, saturation = jax.random.uniform(key, (3,), minval=low, maxval=high)
        mean, std = _per_channel(self.mean, x), _per_channel(self.std, x)
        pixels = (x * std + mean) * brightness
        grey = pixels.mean(axis=-1, keepdims=True)
        pixels = grey + saturation * (pixels - grey)
        pixels = grey.mean() + contrast * (pixels - grey.mean())
        return (pixels.clip(0, 1) - mean) / std


def build(config: Any) -> Augment:
    """Builds the augmentation that `config.data` describes.

    >>> from ml_collections import ConfigDict
    >>> build(ConfigDict(dict(size=8, pad=1, flip=True, mean=(0.5,), std=(0.5,)))).size
    8
    """
    return Augment(
        config.size,
        config.pad,
        config.flip,
        tuple(config.mean),
        tuple(config.std),
        config.get("zoom", 1.0),
        config.get("jitter", 0.0),
        config.get("mirrored", False),
        config.get("central", 1.0),
    )


def _per_channel(values: tuple[float, ...], x: jax.Array) -> jax.Array:
    return jnp.array(values).reshape(*(1 for _ in x.shape[:-1]), -1)
