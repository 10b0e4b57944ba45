"""DFH: deep Fisher hashing (Li, Pei, Zheng and van Gemert, BMVC 2019).

  python -m jaxhash.main --config=configs/baselines/dfh.py:bits=48

The objective is `jaxhash/losses/dfh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .803, .825, .831, .844 at 12, 24, 32, 48 bits, with SGD .01 and weight decay
5e-4. DHIDA's table 3 has mAP .5947, .6347, .7298, .7662 at 16, 32, 48, 64 bits for it (ResNet18,
CIFAR-10, 5,000 training images).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dfh",
        datasets.defaults,
        paper={
            "optim": {"name": "sgd", "lr": 1e-2, "weight_decay": 5e-4},
            "train": {"batch_size": 64},
        },
        searched={"lr": 1e-3, "hash_norm": True},
    )
