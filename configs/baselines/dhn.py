"""DHN: deep hashing network (Zhu, Long, Wang and Cao, AAAI 2016).

  python -m jaxhash.main --config=configs/baselines/dhn.py:bits=48

The objective is `jaxhash/losses/dhn.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .555, .594, .603, .621 at 12, 24, 32, 48 bits with AlexNet. DHIDA's table 3
has mAP .7695, .7871, .7869, .7966 at 16, 32, 48, 64 bits for it (ResNet18, CIFAR-10, 5,000 training
images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dhn",
        datasets.defaults,
        searched={"lr": 1e-3, "hash_norm": True},
    )
