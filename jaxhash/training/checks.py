"""What of a run is refused before its first step: settings, network, loss and data together."""

import functools

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxhash.data import Data, datasets
from jaxhash.data.augment import Augment
from jaxhash.encoders.exporter import check_batch_size_is_free
from jaxhash.errors import UserError
from jaxhash.losses import HashLoss
from jaxhash.models import hash_network
from jaxhash.models.hash_network import HashModel
from jaxhash.training import optimizers

OF_COLOURS = (
    "; pretrained weights take three: choose a scale from random weights, small, tiny or quick, as "
    "the config has"
)


def before_data(config: ConfigDict, loss: HashLoss, augment: Augment, network: HashModel) -> None:
    """Checks names and traces the network, before data are read.

    Raises:
      UserError: a setting is unknown, or settings do not fit together.
    """
    datasets.protocol(config.data.name, config.data.protocol)
    if augment.mirrored and not augment.flip:
        raise UserError(
            "data.mirrored=True: the network must have been trained on mirrored images; use "
            "data.flip=True too"
        )
    optimizers.build(config.optim, total_steps=1)
    if optimizers.frozen(config.optim) >= set(hash_network.PARTS):
        raise UserError(
            "optim.multiplier is 0 for every part of the network; expected a part that trains"
        )
    try:
        hash(network)
    except TypeError:
        raise UserError(
            f"model: {config.model.backbone.name} or another part has an attribute that cannot be "
            "hashed, such as a list, a dict or an array; use a tuple or flax.core.FrozenDict"
        ) from None
    image = (config.data.size, config.data.size, len(config.data.mean))
    classifies = _classifies(network, image)
    if loss.needs_logits and not classifies:
        raise UserError(
            f"loss.name={config.loss.name} needs a classifier, and model.head.name="
            f"{config.model.head.name} has none; use model.head.name=classifier"
        )


@functools.lru_cache(maxsize=8)  # a grid asks for the same at every run
def _classifies(network: HashModel, image: tuple[int, ...]) -> bool:
    """Tells whether a network has logits; raises UserError where it cannot be exported."""
    key, images = jax.random.key(0), jax.ShapeDtypeStruct((1, *image), jnp.float32)
    outputs, variables = jax.eval_shape(lambda x: network.init_with_output(key, x), images)
    check_batch_size_is_free(network, variables, image)
    return outputs.logits is not None


def length(config: ConfigDict, total_steps: int, fitted: bool) -> None:
    """Checks the steps of training; `fitted` says that a shallow method fits the hash layer.

    Raises:
      UserError: the run cannot have this length.
    """
    if not fitted and total_steps < 1:
        raise UserError("train.total_epochs: expected at least one step of training")
    if fitted and total_steps:
        raise UserError(
            f"train.total_epochs: {total_steps:,} steps of training, and "
            f"model.shallow.name={config.model.shallow.name} fits the hash layer without "
            "any; use train.total_epochs=0"
        )


def of_data(config: ConfigDict, data: Data, loss: HashLoss, augment: Augment) -> None:
    """Checks that the network and the loss can take the data.

    Raises:
      UserError: they cannot.
    """
    pool = data.pool
    for name in ("mean", "std"):
        given = len(config.data[name])
        if given != pool.pixels.shape[-1]:
            pretrained = OF_COLOURS if given == 3 and config.model.weights != "none" else ""
            raise UserError(
                f"data.{name} has {given} channels, the images of {config.data.name} have "
                f"{pool.pixels.shape[-1]}{pretrained}"
            )
    if loss.single_label and (pool.labels.sum(axis=1) != 1).any():
        raise UserError(
            f"loss.name={config.loss.name} is for images with one label each, those of "
            f"{config.data.name} have several or none; choose another loss, such as dhida"
        )
    views = loss.views
    if views > 1 and not augment.random:
        raise UserError(
            f"loss.name={config.loss.name} compares {views} views of each image, and without "
            "augmentation they are equal; set data.flip, data.pad, data.zoom or data.jitter"
        )
    if views > config.train.views > 0 and config.train.freeze != "none":
        raise UserError(
            f"loss.name={config.loss.name} compares {views} views of each image, and "
            f"train.views={config.train.views} are kept; use {views} or more, or 0"
        )
    if loss.database_codes:
        _check_database_codes(config, data)


def _check_database_codes(config: ConfigDict, data: Data) -> None:
    if data.protocol.database != "train" or data.split.unseen:
        raise UserError(
            f"loss.name={config.loss.name} learns database codes, which exist for training "
            f"images alone, and protocol {config.data.protocol} searches others; choose a "
            "protocol whose database is the training set, or options of the loss without "
            "learnt codes"
        )
    if len(data.split.held_out):
        raise UserError(
            f"data.held_out={config.data.held_out:g}: loss.name={config.loss.name} learns the "
            "codes of all images of the database while it trains; use data.held_out=0"
        )
