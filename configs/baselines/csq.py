"""CSQ: central similarity quantisation (Yuan et al., CVPR 2020).

  python -m jaxhash.main --config=configs/baselines/csq.py:bits=48

The objective is `jaxhash/losses/csq.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper has no CIFAR-10; it trains ResNet50 with Adam 1e-3, the backbone at a twentieth of it,
batches of 64, 90 epochs.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "csq",
        datasets.defaults,
        paper={
            "optim": {"name": "adam", "lr": 1e-3, "multiplier": {"backbone": 0.05}},
            "train": {"batch_size": 64, "total_epochs": 90.0},
        },
        searched={"lr": 1e-3, "hash_norm": False},
    )
