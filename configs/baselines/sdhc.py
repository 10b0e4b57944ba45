"""SDH-C: deep hashing for compact codes, with a classifier (Liong et al., CVPR 2015).

  python -m jaxhash.main --config=configs/baselines/sdhc.py:bits=48

The objective is `jaxhash/losses/sdhc.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "sdhc",
        datasets.defaults,
        head="classifier",
        searched={"lr": 1e-3, "hash_norm": False},
    )
