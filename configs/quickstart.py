"""Quickstart: a small DHIDA on the handwritten digits of scikit-learn. Needs no internet.

  python -m jaxhash.main --config=configs/quickstart.py

Arguments: bits, attention (a file of jaxhash/models/attention).

A ResNet18 of a quarter of the width learns 1,000 digits in about a minute on two CPU cores.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,attention=...`."""
    args = configs.arguments(arg, bits=32, attention="ida")
    config = configs.base()
    config.name = "quickstart"
    config.data.update(datasets.defaults("digits"))
    config.model.bits = args.bits
    config.model.attention.name = args.attention
    configs.quick(config)
    return config
