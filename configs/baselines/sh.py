"""SH: spectral hashing (Weiss, Torralba and Fergus, NIPS 2008).

  python -m jaxhash.main --config=configs/baselines/sh.py:bits=48

The method is `jaxhash/shallow/sh.py`; `jaxhash/config/baselines.py` has the arguments and scales.
Nothing is learnt from labels. Reported elsewhere: mAP .186 to .204 on features of AlexNet.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "sh", datasets.defaults)
