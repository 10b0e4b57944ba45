"""Bi-half net with labels: classification of half-and-half codes (Li and van Gemert, 2021).

  python -m jaxhash.main --config=configs/baselines/bihalf_supervised.py:bits=48

The objective is `jaxhash/losses/classification.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "classification",
        datasets.defaults,
        head="bihalf",
        name="bihalf_supervised",
        searched={"lr": 1e-3, "hash_norm": False},
    )
