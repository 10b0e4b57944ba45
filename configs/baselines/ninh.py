"""NINH: simultaneous feature learning and hash coding (Lai, Pan, Liu and Yan, CVPR 2015).

  python -m jaxhash.main --config=configs/baselines/ninh.py:bits=48

The objective is `jaxhash/losses/ninh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .552, .566, .558, .581 at 12, 24, 32, 48 bits with a network in network.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "ninh",
        datasets.defaults,
        head="divided",
        searched={"lr": 1e-3, "hash_norm": True},
    )
