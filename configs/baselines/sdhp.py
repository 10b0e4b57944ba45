"""SDHP: a reading of what DAH compares itself with; its source could not be identified.

  python -m jaxhash.main --config=configs/baselines/sdhp.py:bits=48

The objective is `jaxhash/losses/sdhp.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
DAH's text gives it a mean mAP of .863 over 12, 24, 36 and 48 bits, on the official split of
CIFAR-10.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "sdhp",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": True},
    )
