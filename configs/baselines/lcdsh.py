"""LCDSH: locality-constrained deep supervised hashing (Zhu and Gao, IJCAI 2017).

  python -m jaxhash.main --config=configs/baselines/lcdsh.py:bits=48

The objective is `jaxhash/losses/lcdsh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
DHIDA's table 3 has mAP .7383, .7661, .8083, .8202 at 16, 32, 48, 64 bits for it (ResNet18,
CIFAR-10, 5,000 training images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "lcdsh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
