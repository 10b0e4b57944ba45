"""ITQ: iterative quantisation (Gong, Lazebnik, Gordo and Perronnin, TPAMI 2013).

  python -m jaxhash.main --config=configs/baselines/itq.py:bits=48

The method is `jaxhash/shallow/itq.py`; `jaxhash/config/baselines.py` has the arguments and scales.
Nothing is learnt from labels. Reported elsewhere: mAP .262 to .294 on features of AlexNet, 12 to 48
bits.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "itq", datasets.defaults)
