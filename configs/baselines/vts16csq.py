"""VTS16-CSQ: ViT-B/16 and central similarity (Dubey, Singh and Chu, ICME 2022).

  python -m jaxhash.main --config=configs/baselines/vts16csq.py:bits=48,scale=paper

The objective is `jaxhash/losses/vts16csq.py`, that of CSQ;
`jaxhash/config/baselines.py` has the arguments and scales.
scale=paper: ViT-B/16 at 224 px with weights of ImageNet-21k, all tokens flat through dropout and a
layer of 1,024 units, Adam 1e-5, batches of 32, 150 epochs. It needs a GPU, and
timm/vit_base_patch16_224.augreg_in21k from Hugging Face, or its file. The paper's result on
CIFAR-10 at 16 bits is .972, as another paper's text has it. The other scales have this head and
objective on the network of all methods.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,scale=...`."""
    config = configs.baseline(
        arg,
        "vts16csq",
        datasets.defaults,
        head="hidden",
        paper={
            "optim": {"name": "adam", "lr": 1e-5, "weight_decay": 0.0},
            "train": {"batch_size": 32},
        },
        dropout=0.5,
    )
    if config.model.backbone.name == "alexnet":
        config.model.backbone.name = "vit_base"
        config.model.backbone.vit.pool = "all"
        config.model.weights = "timm/vit_base_patch16_224.augreg_in21k"
        config.data.update(mean=(0.5,) * 3, std=(0.5,) * 3)
    return config
