"""CNNH: codes from a decomposition of the similarities, then learnt (Xia et al., AAAI 2014).

  python -m jaxhash.main --config=configs/baselines/cnnh.py:bits=48

The objective is `jaxhash/losses/cnnh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .439, .511, .509, .522 at 12, 24, 32, 48 bits.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "cnnh",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
