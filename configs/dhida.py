"""DHIDA: deep hashing with improved dual attention, as its section 4.2 trains it.

  python -m jaxhash.main --config=configs/dhida.py:bits=48,dataset=cifar10

Arguments: bits (the paper: 16, 32, 48, 64), dataset (cifar10), attention (ida, or another file of
jaxhash/attention; the paper's ablation has danet and none), scale (paper, small).

scale=paper: ResNet18 pretrained on ImageNet, images enlarged to 224 px, IDA after the last stage,
f(u), pairwise likelihood with bit balance of weight .1; RMSProp 5e-5, weight decay 1e-5, batches of
128. The paper gives no number of epochs; 150 is what public pairwise methods of its lineage train
for. It reports mAP .8213, .8359, .8420, .8428 at 16, 32, 48, 64 bits; no run of ours at this scale
exists yet. It needs a GPU, and timm/resnet18.tv_in1k from Hugging Face, or its file.

scale=small: the same objective from random weights, at a size that two CPU cores can bear. A
ResNet18 of half the width with a 3x3 stem, images at 32 px, a 4x4 map for IDA; the outputs of the
hash layer are normalised over the batch (`jaxhash/model.py` says why); random crops and flips; Adam
up to 1e-3 in one cycle of 22 epochs, about 15 minutes. Not comparable with the paper.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.errors import UserError


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,attention=...,scale=...`."""
    args = configs.arguments(arg, bits=48, dataset="cifar10", attention="ida", scale="paper")
    config = configs.base()
    config.name = "dhida"
    config.data.name = args.dataset
    config.data.protocol = {"cifar10": "cifar10_54k"}.get(args.dataset, args.dataset)
    config.model.bits = args.bits
    config.model.attention.name = args.attention
    if args.scale == "small":
        _shrink(config)
    elif args.scale == "paper":
        config.model.weights = "timm/resnet18.tv_in1k"
    else:
        raise UserError(f"config argument scale={args.scale}: expected paper or small")
    return config


def _shrink(config: ConfigDict) -> None:
    config.name = "dhida-small"
    config.data.update(size=32, pad=4, flip=True)
    config.model.hash_norm = True
    config.model.backbone.resnet.update(stem="3x3", strides=(1, 2, 2, 1), width=32)
    config.optim.update(name="adam", lr=1e-3, schedule="one_cycle", warmup_percent=20.0)
    config.train.total_epochs = 22.0
    config.checkpoint.every_epochs = 5.0
