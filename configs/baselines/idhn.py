"""IDHN: improved deep hashing with soft pairwise similarity (Zhang et al., TMM 2019).

  python -m jaxhash.main --config=configs/baselines/idhn.py:bits=48

The objective is `jaxhash/losses/idhn.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
For images with several labels; the paper has no CIFAR-10, where it becomes a scaled DHN. Its
authors train with Adam 1e-3, the backbone at a hundredth of it. DHIDA's table 3 has mAP .6641,
.7296, .7762, .7682 at 16, 32, 48, 64 bits for it (ResNet18, CIFAR-10, 5,000 training images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "idhn",
        datasets.defaults,
        paper={"optim": {"name": "adam", "lr": 1e-3, "multiplier": {"backbone": 0.01}}},
        searched={"lr": 3e-3, "hash_norm": False},
    )
