"""HashFormer: a classifier and average precision (Li et al., SPL 2022), a reading.

  python -m jaxhash.main --config=configs/baselines/hashformer.py:bits=48

The objective is `jaxhash/losses/hashformer.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper has a vision transformer, which scale=paper here does not.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "hashformer",
        datasets.defaults,
        head="classifier",
        searched={"lr": 3e-3, "hash_norm": False},
    )
