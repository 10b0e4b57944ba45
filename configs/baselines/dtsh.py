"""DTSH: deep supervised hashing with triplet labels (Wang, Shi and Kitani, ACCV 2016).

  python -m jaxhash.main --config=configs/baselines/dtsh.py:bits=48

The objective is `jaxhash/losses/dtsh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .710, .750, .765, .774 at 12, 24, 32, 48 bits with CNN-F.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dtsh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
