"""A few wide 3x3 convolutions behind a layer that whitens patches: for small images, in minutes.

The design is that of Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024), narrower:
what a network for fast training needs is a first layer that need not be learnt, few layers without
shortcuts that start by passing their inputs on, and GELU.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.errors import UserError
from jaxhash.models import convolution
from jaxhash.models.layers import max_pool
from jaxhash.models.normalization import batch_norm

VARIANTS = {"whitened": 3}  # stages
SIDE = 2  # of the patches that are whitened, in pixels
SMALLEST = 2**3 + 1  # pixels a side of an image whose map is halved three times
EPSILON = 5e-4  # added to the variance of each principal component, as in the paper's code
_he = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


def passing(key: jax.Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Draws a kernel [u v c d] whose first min(c, d) filters return channel 1, 2, ... as it is.

    The others are drawn from a normal distribution, as He et al. (ICCV 2015) have it.

    >>> kernel = passing(jax.random.key(0), (3, 3, 2, 5))
    >>> kernel[1, 1, :, :2].tolist(), float(jnp.abs(kernel[..., :2]).sum())
    ([[1.0, 0.0], [0.0, 1.0]], 2.0)
    """
    height, width, before, after = shape
    count = min(before, after)
    kernel = _he(key, shape, dtype).at[..., :count].set(0)
    same = jnp.arange(count)
    return kernel.at[height // 2, width // 2, same, same].set(1)


_convolution = partial(
    nn.Conv,
    kernel_size=(3, 3),
    padding=1,
    use_bias=False,
    kernel_init=passing,
    conv_general_dilated=convolution.conv_general_dilated,
)


class Whitened(nn.Module):
    """The principal components of 2x2 patches, and stages of two 3x3 convolutions.

    In each stage the map is halved, by its maxima, behind the first convolution. The layer of
    principal components is not trained; see `from_images`.

    Attributes:
      widths: channels of each stage.
    """

    widths: Sequence[int]
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to the maxima [b 1 1 c'] of a map of an eighth of their size.

        Raises UserError on images of fewer than 9 pixels a side.
        """
        if min(x.shape[1:3]) < SMALLEST:
            raise UserError(
                f"data.size: images of {x.shape[1]} x {x.shape[2]} pixels are too small for this "
                f"network, which halves its maps three times; expected at least {SMALLEST}"
            )
        seen = SIDE * SIDE * x.shape[3]
        kernel = self.variable("batch_stats", "whitening", _unset, (SIDE, SIDE, x.shape[3], seen))
        x = _components(x, kernel.value.astype(self.dtype))
        x = jax.lax.stop_gradient(nn.gelu(jnp.concatenate([x, -x], axis=-1)))
        norm = batch_norm(train, self.dtype)
        for stage, width in enumerate(self.widths, start=1):
            own = partial(_convolution, width, dtype=self.dtype)
            x = max_pool(own(name=f"stage{stage}_conv1")(x), 2)
            x = nn.gelu(norm(name=f"stage{stage}_bn1")(x))
            x = own(name=f"stage{stage}_conv2")(x)
            x = nn.gelu(norm(name=f"stage{stage}_bn2")(x))
            x = at_node(f"stage{stage}", x)
        return x.max(axis=(1, 2), keepdims=True)


def _unset(shape: Sequence[int]) -> jax.Array:
    """Returns components that are the pixels themselves."""
    return jnp.eye(shape[-1]).reshape(shape)


def _components(x: jax.Array, kernel: jax.Array) -> jax.Array:
    numbers = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=numbers)


def whitening(images: np.ndarray) -> np.ndarray:
    """Computes the layer that whitens the patches of images.

    Its filters are the eigenvectors of the covariance of all patches, each divided by the root of
    its eigenvalue plus `EPSILON`: applied to these patches, they give values that are uncorrelated
    and nearly of variance 1.

    Args:
      images: [n h w c], normalised as the network is given them.

    Returns:
      [u v c k], float32, k = u v c, by falling eigenvalue.

    >>> images = np.random.default_rng(0).normal(size=(50, 8, 8, 1))
    >>> seen = _components(jnp.asarray(images), jnp.asarray(whitening(images))).reshape(-1, 4)
    >>> bool(np.allclose(np.cov(seen.T), np.eye(4), atol=0.01))
    True
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, (SIDE, SIDE), axis=(1, 2))
    patches = np.moveaxis(windows, 3, -1).reshape(-1, SIDE * SIDE * images.shape[3])
    values, vectors = np.linalg.eigh(np.cov(patches.astype(np.float64), rowvar=False))
    filters = (vectors / np.sqrt(values + EPSILON))[:, ::-1]
    return filters.reshape(SIDE, SIDE, images.shape[3], -1).astype(np.float32)


def from_images(variables: dict[str, Any], images: np.ndarray) -> dict[str, Any]:
    """Sets the first layer by training images, for a network that starts from random weights.

    Args:
      variables: {"params", "batch_stats"} of the backbone.
      images: [n h w c], normalised as the network is given them.
    """
    stats = {**variables["batch_stats"], "whitening": whitening(images)}
    return {**variables, "batch_stats": stats}


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after each stage."""
    return tuple(f"stage{stage + 1}" for stage in range(VARIANTS[name]))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Raises UserError: there are no published weights of this network."""
    raise UserError("model.weights: there are none for whitened; use model.weights=none")


def build(
    name: str, widths: tuple[int, ...] = (64, 128, 256), dtype: jnp.dtype = jnp.float32
) -> nn.Module:
    """Returns the network; raises UserError unless there are three widths of at least 1.

    The paper has (64, 256, 256), which takes half as long again an image on a CPU.

    >>> build("whitened").widths
    (64, 128, 256)
    """
    if len(widths) != VARIANTS[name] or min(widths) < 1:
        raise UserError(
            f"model.backbone.whitened.widths={widths}: expected {VARIANTS[name]} numbers of at "
            "least 1"
        )
    return Whitened(tuple(widths), dtype)
