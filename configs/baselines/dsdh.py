"""DSDH: deep supervised discrete hashing (Li, Sun, He and Tan, NIPS 2017).

  python -m jaxhash.main --config=configs/baselines/dsdh.py:bits=48

The objective is `jaxhash/losses/dsdh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .740, .786, .801, .820 at 12, 24, 32, 48 bits with CNN-F. DHIDA's table 3 has
mAP .7761, .7881, .8086, .8183 at 16, 32, 48, 64 bits for it (ResNet18, CIFAR-10, 5,000 training
images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dsdh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": True},
    )
