"""HashGAN (Cao, Liu, Long and Wang, CVPR 2018): its hash objective, without generated images.

  python -m jaxhash.main --config=configs/baselines/hashgan.py:bits=48

The objective is `jaxhash/losses/hashgan.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
With its generator, which is not here, the paper reports mAP .668, .731, .735, .749 at 16, 32, 48,
64 bits with AlexNet.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "hashgan",
        datasets.defaults,
        paper={"optim": {"name": "adam", "lr": 1e-4}},
        searched={"lr": 1e-3, "hash_norm": True},
    )
