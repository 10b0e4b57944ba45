"""SDH: supervised discrete hashing (Shen, Shen, Liu and Shen, CVPR 2015).

  python -m jaxhash.main --config=configs/baselines/sdh.py:bits=48

The method is `jaxhash/shallow/sdh.py`; `jaxhash/config/baselines.py` has the arguments and scales.
Reported elsewhere: mAP .478 to .592 on features of a network, 12 to 48 bits.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "sdh", datasets.defaults)
