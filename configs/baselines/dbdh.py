"""DBDH: deep balanced discrete hashing (Zheng et al., Neurocomputing 403, 2020).

  python -m jaxhash.main --config=configs/baselines/dbdh.py:bits=48

The objective is `jaxhash/losses/dbdh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
DHIDA's table 3 has mAP .8021, .8113, .8129, .8209 at 16, 32, 48, 64 bits for it (ResNet18,
CIFAR-10, 5,000 training images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dbdh",
        datasets.defaults,
        searched={"lr": 3e-3, "hash_norm": True},
    )
