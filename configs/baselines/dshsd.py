"""DSHSD: deep supervised hashing based on stable distribution (Wu et al., IEEE Access 2019).

  python -m jaxhash.main --config=configs/baselines/dshsd.py:bits=48

The objective is `jaxhash/losses/dshsd.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper was not available; a public implementation trains AlexNet with Adam 1e-5, batches of 64.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dshsd",
        datasets.defaults,
        head="classifier",
        paper={
            "optim": {"name": "adam", "lr": 1e-5},
            "train": {"batch_size": 64, "total_epochs": 250.0},
        },
        searched={"lr": 3e-3, "hash_norm": False},
    )
