"""Shared by AlexNet and VGG: max pooling between convolutions, connected layers after them."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.models import layers

# As torchvision's VGG starts from scratch.
convolution_init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_dense_init = nn.initializers.normal(0.01)


class ConnectedLayers(nn.Module):
    """Two fully connected layers on a map that is first averaged to a fixed size.

    Attributes:
      hidden: channels of both layers; 0 leaves them out, and the map as it is.
      pool: height and width that the map is averaged to.
      dropout: share of activations that each of two dropouts drops.
      drop_inputs: whether dropout is applied before each layer (AlexNet) or after it (VGG).
    """

    hidden: int
    pool: int
    dropout: float
    drop_inputs: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to features [b hidden], or to itself where there are no layers."""
        if self.hidden == 0:
            return x
        dense = partial(nn.DenseGeneral, self.hidden, dtype=self.dtype, kernel_init=_dense_init)
        x = layers.pool_to(x, self.pool)
        # The map is not flattened: the kernel keeps the axes [h w in out], so that weights for any
        # order of flattening can be converted.
        for name, axes in (("fc1", (1, 2, 3)), ("fc2", (1,))):
            if self.drop_inputs:
                x = layers.Dropout(self.dropout)(x, train)
            x = nn.relu(dense(axis=axes, name=name)(x))
            if not self.drop_inputs:
                x = layers.Dropout(self.dropout)(x, train)
        return x


def max_pool(x: jax.Array, window: int) -> jax.Array:
    """Takes the maximum of each window x window pixels, every second row and column.

    Args:
      x: [b h w c].
      window: height and width; windows that would cross the edge are left out.

    Returns:
      [b (h-window)//2+1 (w-window)//2+1 c].

    Raises:
      UserError: the map is smaller than the window.

    >>> x = jnp.arange(5.0).reshape(1, 1, 5, 1) * jnp.ones((1, 3, 1, 1))
    >>> print(max_pool(x, 3)[0, :, :, 0])
    [[2. 4.]]
    """
    height, width = x.shape[1:3]
    if min(height, width) < window:
        raise UserError(
            f"data.size: the images are too small for this network, a map of {height} x {width} "
            f"pixels is the input of a max pooling of {window} x {window}; choose larger "
            "images, or options of model.backbone that keep its maps larger"
        )
    return layers.max_pool(x, 2) if window == 2 else nn.max_pool(x, (window, window), (2, 2))


def check(family: str, width: int, hidden: int, dropout: float, pool: int) -> None:
    """Raises UserError on an option that no network of the family could have.

    >>> check("vgg", width=64, hidden=0, dropout=0.5, pool=7)
    """
    rules = (
        ("width", width, width >= 1, "at least 1"),
        ("hidden", hidden, hidden >= 0, "at least 1, or 0 for no connected layers"),
        ("dropout", dropout, 0 <= dropout < 1, "at least 0 and below 1"),
        ("pool", pool, pool >= 1, "at least 1"),
    )
    for option, value, holds, expected in rules:
        if not holds:
            raise UserError(f"model.backbone.{family}.{option}={value}: expected {expected}")
