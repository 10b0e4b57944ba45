"""Quickstart: a small DHIDA on the handwritten digits of scikit-learn. Needs no internet.

  python -m jaxhash.main --config=configs/quickstart.py

Arguments: bits, attention (a file of jaxhash/models/attention).

A ResNet18 of a quarter of the width learns 1,000 digits in about a minute on two CPU cores.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,attention=...`."""
    args = configs.arguments(arg, bits=32, attention="ida")
    config = configs.base()
    config.name = "quickstart"
    config.data.name = "digits"
    config.data.protocol = "digits"
    config.data.size = 16
    config.data.pad = 1
    config.data.mean = (0.5,)
    config.data.std = (0.5,)
    config.model.bits = args.bits
    config.model.attention.name = args.attention
    config.model.backbone.resnet.stem = "3x3"
    config.model.backbone.resnet.stem_pool = False
    config.model.backbone.resnet.strides = (1, 2, 2, 1)
    config.model.backbone.resnet.width = 16
    config.model.hash_norm = True
    config.optim.lr = 3e-4
    config.optim.schedule = "cosine"
    config.train.batch_size = 100
    config.train.total_epochs = 20.0
    return config
