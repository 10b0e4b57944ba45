"""HashNet: deep hashing by continuation (Cao, Long, Wang and Yu, ICCV 2017).

  python -m jaxhash.main --config=configs/baselines/hashnet.py:bits=48

The objective is `jaxhash/losses/hashnet.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
DHIDA's table 3 has mAP .6975, .7892, .7878, .7949 at 16, 32, 48, 64 bits for it (ResNet18,
CIFAR-10, 5,000 training images). The paper has no CIFAR-10; its authors' code trains with SGD 3e-4,
weight decay 5e-4, batches of 36.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "hashnet",
        datasets.defaults,
        paper={
            "optim": {"name": "sgd", "lr": 3e-4, "weight_decay": 5e-4},
            "train": {"batch_size": 36},
        },
        searched={"lr": 1e-3, "hash_norm": False},
    )
