"""Greedy hash without labels (Su et al., NeurIPS 2018, section 3.4).

  python -m jaxhash.main --config=configs/baselines/greedyhash_unsupervised.py:bits=48

The objective is `jaxhash/losses/greedyhash_unsupervised.py`;
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
        "greedyhash_unsupervised",
        datasets.defaults,
        searched={"lr": 3e-3, "hash_norm": True},
    )
