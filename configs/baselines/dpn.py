"""DPN: deep polarized network (Fan et al., IJCAI 2020).

  python -m jaxhash.main --config=configs/baselines/dpn.py:bits=48

The objective is `jaxhash/losses/dpn.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper has no CIFAR-10; its code trains AlexNet with Adam 1e-4, batches of 256, 200 epochs.
loss.dpn.adaptive=True is DPN-A.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "dpn",
        datasets.defaults,
        paper={
            "optim": {"name": "adam", "lr": 1e-4},
            "train": {"batch_size": 256, "total_epochs": 200.0},
        },
        searched={"lr": 1e-3, "hash_norm": False},
    )
