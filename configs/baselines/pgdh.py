"""PGDH: deep hashing via policy gradient (Yuan, Ren, Lu and Zhou, ECCV 2018), a reading.

  python -m jaxhash.main --config=configs/baselines/pgdh.py:bits=48

The objective is `jaxhash/losses/pgdh.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
By others' account the paper reports mAP .736, .741, .747, .762 at 12, 24, 32, 48 bits.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(
        arg,
        "pgdh",
        datasets.defaults,
        searched={"lr": 3e-3, "hash_norm": True},
    )
