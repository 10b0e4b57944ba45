"""BGAN: binary generative hashing, its objective of codes (Song et al., AAAI 2018).

  python -m jaxhash.main --config=configs/baselines/bgan.py:bits=48

The objective is `jaxhash/losses/bgan.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
Labels are not used.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "bgan",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": True},
    )
