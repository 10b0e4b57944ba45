"""DSH: deep supervised hashing (Liu, Wang, Shan and Chen, CVPR 2016).

  python -m jaxhash.main --config=configs/baselines/dsh.py:bits=48

The objective is `jaxhash/losses/dsh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper trains a network of three convolutions from random weights on all 50,000 images of
CIFAR-10, and reports mAP .6157, .6512, .6607, .6755 at 12, 24, 36, 48 bits. DHIDA's table 3 has mAP
.5095, .4663, .4702, .4714 at 16, 32, 48, 64 bits for it (ResNet18, CIFAR-10, 5,000 training
images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dsh",
        datasets.defaults,
        searched={"lr": 3e-3, "hash_norm": True},
    )
