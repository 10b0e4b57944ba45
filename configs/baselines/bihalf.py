"""Bi-half net without labels (Li and van Gemert, AAAI 2021).

  python -m jaxhash.main --config=configs/baselines/bihalf.py:bits=48

The objective is `jaxhash/losses/bihalf.py`;
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
        "bihalf",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": False},
    )
