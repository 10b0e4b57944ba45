"""JMLH: just-maximising-likelihood hashing (Shen et al., ICCV workshops 2019).

  python -m jaxhash.main --config=configs/baselines/jmlh.py:bits=48

The objective is `jaxhash/losses/jmlh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "jmlh",
        datasets.defaults,
        head="stochastic",
        searched={"lr": 1e-3, "hash_norm": False},
    )
