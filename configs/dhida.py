"""DHIDA: deep hashing with improved dual attention, as its section 4.2 trains it.

  python -m jaxhash.main --config=configs/dhida.py:bits=48,dataset=cifar10

Arguments: bits (the paper: 16, 32, 48, 64), dataset (cifar10), attention (ida, none).

ResNet18 pretrained on ImageNet, images enlarged to 224 px, IDA after the last stage, f(u), pairwise
likelihood with bit balance of weight .1; RMSProp 5e-5, weight decay 1e-5, batches of 128. The paper
gives no number of epochs; 150 is what public pairwise methods of its lineage train for. It reports
mAP .8213, .8359, .8420, .8428 at 16, 32, 48, 64 bits; no run of ours at this size exists yet.
Without --config.model.weights=none it needs timm/resnet18.tv_in1k from Hugging Face, or its file.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,attention=...`."""
    args = configs.arguments(arg, bits=48, dataset="cifar10", attention="ida")
    config = configs.base()
    config.name = "dhida"
    config.data.name = args.dataset
    config.data.protocol = {"cifar10": "cifar10_54k"}.get(args.dataset, args.dataset)
    config.model.bits = args.bits
    config.model.attention.name = args.attention
    config.model.weights = "timm/resnet18.tv_in1k"
    return config
