"""PCAH: the signs of the principal components (Wang, Kumar and Chang, CVPR 2010).

  python -m jaxhash.main --config=configs/baselines/pcah.py:bits=48

The method is `jaxhash/shallow/pcah.py`; `jaxhash/config/baselines.py` has the arguments and scales.
Nothing is learnt from labels.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "pcah", datasets.defaults)
