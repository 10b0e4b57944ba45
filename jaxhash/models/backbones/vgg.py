"""VGG16 as torchvision defines it (Simonyan and Zisserman, 2015, configuration D)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxhash.models import convolution
from jaxhash.models.backbones._connected import ConnectedLayers, check, convolution_init, max_pool
from jaxhash.models.backbones._torch_names import torch_name
from jaxhash.models.normalization import batch_norm

# Convolutions of each stage, and whether each is normalised.
VARIANTS = {"vgg16": ((2, 2, 3, 3, 3), False), "vgg16_bn": ((2, 2, 3, 3, 3), True)}
MULTIPLES = (1, 2, 4, 8, 8)  # channels of the stages, in those of the first
# The connected layers of torchvision, and those of timm, which are convolutions there.
TORCH_MODULES = {
    "fc1": ("classifier.0", "pre_logits.fc1"),
    "fc2": ("classifier.3", "pre_logits.fc2"),
}


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each ending in a max pooling, and two connected layers.

    Attributes:
      convolutions: of each stage.
      normalised: whether batch normalisation follows each convolution; in training, its statistics
        are averaged over the replicas.
      width: channels of the first stage.
      hidden: channels of the connected layers; 0 leaves them out.
      dropout: after each connected layer.
      pool: height and width that the map is averaged to before the connected layers.
    """

    convolutions: Sequence[int]
    normalised: bool
    width: int = 64
    hidden: int = 4096
    dropout: float = 0.5
    pool: int = 7
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, at_node: Callable) -> jax.Array:
        """Maps images [b h w c] to features [b hidden], or without them to [b h/32 w/32 8*width].

        Raises UserError on images of less than 32 pixels.
        """
        norm = batch_norm(train, self.dtype)
        place = 0  # in PyTorch's list of layers, whose numbers name the weights
        for stage, (count, multiple) in enumerate(zip(self.convolutions, MULTIPLES, strict=True)):
            for _ in range(count):
                x = nn.Conv(
                    multiple * self.width,
                    (3, 3),
                    padding=1,
                    dtype=self.dtype,
                    kernel_init=convolution_init,
                    conv_general_dilated=convolution.conv_general_dilated,
                    name=f"features_{place}",
                )(x)
                if self.normalised:
                    x = norm(name=f"features_{place + 1}")(x)
                x = nn.relu(x)
                place += 3 if self.normalised else 2
            x = at_node(f"stage{stage + 1}", max_pool(x, 2))
            place += 1
        connected = ConnectedLayers(
            self.hidden, self.pool, self.dropout, False, self.dtype, name="connected"
        )
        return connected(x, train)


def nodes(name: str) -> tuple[str, ...]:
    """Lists where attention can be inserted: after the pooling of each stage."""
    return tuple(f"stage{stage + 1}" for stage in range(len(VARIANTS[name][0])))


def torch_names(path: Sequence[str]) -> tuple[str, ...]:
    """Names a weight as torchvision does, then as timm does.

    >>> torch_names(("features_1", "var"))
    ('features.1.running_var',)
    >>> torch_names(("connected", "fc2", "kernel"))
    ('classifier.3.weight', 'pre_logits.fc2.weight')
    """
    *_, module, leaf = path
    modules = TORCH_MODULES.get(module, (module.replace("_", "."),))
    return tuple(torch_name([module], leaf) for module in modules)


def build(
    name: str,
    width: int = 64,
    hidden: int = 4096,
    dropout: float = 0.5,
    pool: int = 7,
    dtype: jnp.dtype = jnp.float32,
) -> nn.Module:
    """Returns the named network; raises UserError on an option that it cannot have.

    `hidden=0` leaves out the connected layers: the last map is what it returns.

    >>> build("vgg16_bn", hidden=0).normalised
    True
    """
    check("vgg", width, hidden, dropout, pool)
    return VGG(*VARIANTS[name], width, hidden, dropout, pool, dtype)
