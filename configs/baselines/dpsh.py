"""DPSH: deep pairwise-supervised hashing (Li, Wang and Kang, IJCAI 2016).

  python -m jaxhash.main --config=configs/baselines/dpsh.py:bits=48

The objective is `jaxhash/losses/dpsh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .713, .727, .744, .757 at 12, 24, 32, 48 bits with CNN-F, batches of 128 and
150 epochs.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dpsh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": True},
    )
