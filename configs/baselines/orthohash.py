"""OrthoHash: one loss for all, by orthogonal codes of classes (Hoe et al., NeurIPS 2021).

  python -m jaxhash.main --config=configs/baselines/orthohash.py:bits=48

The objective is `jaxhash/losses/orthohash.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
loss.orthohash.kind chooses OrthoCos or OrthoArc. The outputs of the hash layer are normalised over
the batch, which is part of the method. The paper has no CIFAR-10.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "orthohash",
        datasets.defaults,
        norm=True,
        paper={
            "optim": {"name": "adam", "lr": 1e-4},
            "train": {"batch_size": 64, "total_epochs": 100.0},
        },
        searched={"lr": 1e-3, "hash_norm": False},
    )
