"""LSH: locality-sensitive hashing by random hyperplanes (Charikar, STOC 2002).

  python -m jaxhash.main --config=configs/baselines/lsh.py:bits=48

The method is `jaxhash/shallow/lsh.py`; `jaxhash/config/baselines.py` has the arguments and scales.
Nothing is learnt from labels; directions are drawn.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.shallow(arg, "lsh", datasets.defaults)
