"""COSDISH: column sampling based discrete supervised hashing (Kang, Li and Zhou, AAAI 2016).

  python -m jaxhash.main --config=configs/baselines/cosdish.py:bits=48

The method is `jaxhash/shallow/cosdish.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
Reported elsewhere: mAP .583, .661, .680, .702 at 12, 24, 32, 48 bits on features of a network.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "cosdish", datasets.defaults)
