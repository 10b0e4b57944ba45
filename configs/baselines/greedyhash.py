"""GreedyHash (Su, Zhang, Han and Tian, NeurIPS 2018).

  python -m jaxhash.main --config=configs/baselines/greedyhash.py:bits=48

The objective is `jaxhash/losses/greedyhash.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .774, .795, .810, .822 at 12, 24, 32, 48 bits with AlexNet, SGD .001, weight
decay 5e-4, batches of 32, 50 epochs.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "greedyhash",
        datasets.defaults,
        head="classifier",
        activation="sign",
        paper={
            "optim": {"name": "sgd", "lr": 1e-3, "weight_decay": 5e-4, "schedule": "step"},
            "train": {"batch_size": 32, "total_epochs": 50.0},
        },
        searched={"lr": 1e-3, "hash_norm": False},
    )
