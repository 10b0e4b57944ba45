"""DIHN: deep incremental hashing network (Wu, Dai, Liu, Li and Wang, CVPR 2019), a reading.

  python -m jaxhash.main --config=configs/baselines/dihn.py:bits=48

The objective is `jaxhash/losses/dihn.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper adds 3 new classes to a database of 7, and searches learnt codes: mAP .9091, .9117, .9177,
.9217 at 12, 24, 32, 48 bits. Here the database is encoded by the network, as for every other
method; with data.protocol=cifar10_official, where the database is trained on,
loss.dihn.db_codes=learnt searches the learnt codes.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    config = configs.baseline(
        arg,
        "dihn",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
    config.loss.dihn.db_codes = "network"
    return config
