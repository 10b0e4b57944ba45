"""CIBHash: contrastive learning of codes, without labels (Qiu et al., IJCAI 2021).

  python -m jaxhash.main --config=configs/baselines/cibhash.py:bits=48

The objective is `jaxhash/losses/cibhash.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
Labels are not used.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    return configs.baseline(arg, "cibhash", datasets.defaults, head="hidden", augmented=True)
