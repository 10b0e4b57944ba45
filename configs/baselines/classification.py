"""Classification alone, of tanh(u): what methods with further terms are compared with.

  python -m jaxhash.main --config=configs/baselines/classification.py:bits=48

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
        head="classifier",
        searched={"lr": 1e-3, "hash_norm": False},
    )
