"""TransHash: a transformer with global and local streams (Chen et al., ICMR 2022), a reading.

  python -m jaxhash.main --config=configs/baselines/transhash.py:bits=48

The objective is `jaxhash/losses/transhash.py`;
`jaxhash/config/baselines.py` has the arguments and scales.
The paper reports mAP .9075, .9108, .9141, .9166 at 16, 32, 48, 64 bits on the official split, with
a ViT-B/16. scale=paper: ViT-B/16 at 224 px with weights of ImageNet-21k and its 197 tokens divided
among the streams; it needs a GPU, and timm/vit_base_patch16_224.augreg_in21k from Hugging Face, or
its file. At the other scales all streams see the features of the whole image.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    config = configs.baseline(
        arg,
        "transhash",
        datasets.defaults,
        head="streams",
        searched={"lr": 1e-3, "hash_norm": True},
    )
    if config.model.backbone.name == "alexnet":
        config.model.backbone.name = "vit_base"
        config.model.backbone.vit.pool = "all"
        config.model.head.streams.tokens = 197
        config.model.weights = "timm/vit_base_patch16_224.augreg_in21k"
        config.data.update(mean=(0.5,) * 3, std=(0.5,) * 3)
    return config
