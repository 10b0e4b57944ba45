"""Triplet attention (Misra et al., WACV 2021): three branches, each across two of h, w and c."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange

from jaxhash.models.attention import _gates as gates
from jaxhash.models.attention import show
from jaxhash.models.layers import largest
from jaxhash.models.normalization import batch_norm

# Each branch pools the second axis of its view; its gate walks over the other two, in this order.
BRANCHES = {
    "channel_width": "b h c w",
    "height_channel": "b w h c",
    "height_width": "b c h w",
}


def z_pool(x: jax.Array) -> jax.Array:
    """Returns maximum and mean over the second axis, in this order, as a last axis of 2.

    Triplet attention equation 1.

    Args:
      x: [b p d e].

    Returns:
      [b d e 2].

    >>> import jax.numpy as jnp
    >>> z_pool(jnp.ones((1, 2, 3, 4))).shape
    (1, 3, 4, 2)
    """
    return jnp.stack([largest(x, 1), x.mean(axis=1)], axis=-1)


class TripletAttention(nn.Module):
    """Averages three gated copies of the map, as the published code does.

    Each gate is sigmoid(BN(conv 7x7 of z_pool)), without ReLU and without bias. In the branches
    that pool height or width, channels are one of the two axes that the convolution walks over.

    Attributes:
      spatial: whether the branch over h and w takes part; without it the two others are averaged.
      start: `"published"` draws the weights of the gates, which start at .5 or anywhere in (0, 1);
        `"one"` starts each at .982 (`_gates`), for pretrained layers that follow. The function is
        the same, and so are the names and shapes of weights.
    """

    spatial: bool = True
    start: str = "published"
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [b h w c] to [b h w c]."""
        norm = batch_norm(train, self.dtype, momentum=0.99)
        initial = gates.normalisation(self.start)
        gated, shown = [], []
        for name, view in BRANCHES.items():
            if name == "height_width" and not self.spatial:
                continue
            turned = rearrange(x, f"b h w c -> {view}")
            pooled = gates.convolution(name, self.dtype)(z_pool(turned))
            weight = norm(name=f"{name}_norm", **initial)(pooled)
            gate = rearrange(jax.nn.sigmoid(weight), "b d e 1 -> b 1 d e")
            gated.append(rearrange(turned * gate, f"{view} -> b h w c"))
            gate = rearrange(jnp.broadcast_to(gate, turned.shape), f"{view} -> b h w c")
            shown.append(gate.mean(axis=-1))
        show(self, sum(shown[1:], shown[0]) / len(shown))
        return sum(gated[1:], gated[0]) / len(gated)


def build(
    spatial: bool = True, start: str = "published", dtype: jnp.dtype = jnp.float32
) -> nn.Module:
    """Returns the module; raises UserError on an unknown start."""
    gates.check("model.attention.triplet.start", start)
    return TripletAttention(spatial, start, dtype)
