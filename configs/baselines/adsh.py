"""ADSH: asymmetric deep supervised hashing (Jiang and Li, AAAI 2018).

  python -m jaxhash.main --config=configs/baselines/adsh.py:bits=48

The objective is `jaxhash/losses/adsh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper learns codes of the whole database from its labels, and searches these: mAP .8898, .9280,
.9310, .9390 at 12, 24, 32, 48 bits. Here the database is encoded by the network, as for every other
method; with data.protocol=cifar10_official, where the database is trained on,
loss.adsh.db_codes=learnt searches the learnt codes.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    config = configs.baseline(
        arg,
        "adsh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
    config.loss.adsh.db_codes = "network"
    return config
