"""DCH: deep Cauchy hashing (Cao, Long, Liu and Wang, CVPR 2018).

  python -m jaxhash.main --config=configs/baselines/dch.py:bits=48

The objective is `jaxhash/losses/dch.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper measures mAP within Hamming radius 2, which is another measure: .790, .798, .807, .794 at
16, 32, 48, 64 bits, by others' account.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dch",
        datasets.defaults,
        searched={"lr": 3e-3, "hash_norm": False},
    )
