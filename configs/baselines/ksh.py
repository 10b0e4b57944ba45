"""KSH: supervised hashing with kernels (Liu, Wang, Ji, Jiang and Chang, CVPR 2012).

  python -m jaxhash.main --config=configs/baselines/ksh.py:bits=48

The method is `jaxhash/shallow/ksh.py`; `jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .303, .337, .346, .356 at 12, 24, 32, 48 bits on GIST features.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "ksh", datasets.defaults)
