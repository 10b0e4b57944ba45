"""Settings that several systems share: a size of network and of training for a given machine."""

from ml_collections import ConfigDict

from jaxhash.errors import UserError

MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # of EfficientNet-Lite: pixels (x - 127) / 128


def check_backbone(args: ConfigDict, default: str) -> None:
    """Refuses a backbone that a scale would put another in place of.

    Args:
      args: of a config, with `backbone` and `scale`; `scale=paper` takes any backbone.
      default: value of `backbone` where none is given.

    Raises:
      UserError: another backbone is given, for another scale.

    >>> check_backbone(ConfigDict(dict(backbone="vgg16", scale="paper")), "alexnet")
    """
    if args.scale != "paper" and args.backbone != default:
        raise UserError(
            f"backbone={args.backbone}: scale={args.scale} has a network of its own; leave "
            "backbone= out, or give scale=paper"
        )


def lite(config: ConfigDict, *, each_stage: bool = False) -> None:
    """Puts a system on EfficientNet-Lite0 with ImageNet weights, for two CPU cores: `scale=lite`.

    Images are enlarged to 128 px. The stem and the first eight blocks are held still, and what they
    compute is kept, with eight views of each training image (zoomed, with other colours, mirrored).
    The rest trains with AdamW for eight epochs in one cycle of the learning rate, the layers behind
    the backbone at three times its rate. In encoding, the outputs of four views of an image
    are averaged: the whole, seven tenths in its middle, and the mirror images of both.

    Args:
      config: of a system; changed in place.
      each_stage: whether attention stands behind each stage that trains, or behind the last alone.

    >>> from jaxhash.config import base
    >>> config = base()
    >>> lite(config)
    >>> config.model.weights, config.train.freeze
    ('efficientnet-lite0', 'block8')
    """
    config.name += "-lite"
    config.data.update(size=128, flip=True, zoom=0.4, jitter=0.3, mirrored=True, central=0.7)
    config.data.update(mean=MEAN, std=STD)
    config.model.backbone.name = "efficientnet_lite0"
    # Of 112, 192 and 320 channels, before the last 1x1 convolution.
    config.model.attention.nodes = ("block11", "block15", "block16")[0 if each_stage else 2 :]
    config.model.weights = "efficientnet-lite0"
    config.optim.update(name="adamw", lr=1e-3, weight_decay=0.01, schedule="one_cycle")
    config.optim.multiplier.backbone = 0.3
    config.train.update(batch_size=64, total_epochs=8.0, freeze="block8", views=8)
    config.eval.at_start = False  # of a hash layer without training; as long as a third of training
    config.checkpoint.every_epochs = 1.0


def frozen(config: ConfigDict, node: str = "block16", *, augmented: bool = False) -> None:
    """Puts a system on fixed features of EfficientNet-Lite0: `scale=frozen`.

    As `lite`, but nothing of the backbone trains, and an image is encoded as it is. What trains are
    the layers behind it, and the attention at the node, for thirty epochs without augmentation:
    ten seconds of a CPU core, with attention one to three minutes, once the features are kept.

    Args:
      config: of a system; changed in place.
      node: whose output is kept; with `all`, which leaves no room for attention, each image has one
        vector of features.
      augmented: whether training has the eight views of each image that `lite` has.

    >>> from jaxhash.config import base
    >>> config = base()
    >>> frozen(config)
    >>> config.name, config.train.freeze, config.optim.multiplier.backbone
    ('unnamed-frozen', 'block16', 0.0)
    """
    name = config.name
    lite(config)
    config.name = f"{name}-frozen"
    config.data.update(mirrored=False, central=1.0)
    config.train.update(freeze=node, total_epochs=30.0)
    config.optim.multiplier.backbone = 0.0
    config.checkpoint.every_epochs = 10.0
    if not augmented:
        config.data.update(flip=False, zoom=1.0, jitter=0.0)
        config.train.views = 1


def quick(config: ConfigDict) -> None:
    """Puts a system on a ResNet18 of a quarter of the width, from random weights, at 16 px.

    For the digits: twenty epochs of 1,000 images take about a minute on two CPU cores. The outputs
    of the hash layer are normalised over the batch (`jaxhash/models/heads` says why).

    Args:
      config: of a system; changed in place.

    >>> from jaxhash.config import base
    >>> config = base()
    >>> quick(config)
    >>> config.model.backbone.resnet.width, config.data.size
    (16, 16)
    """
    config.data.update(size=16, pad=1)
    config.model.hash_norm = True
    config.model.backbone.name = "resnet18"
    config.model.backbone.resnet.update(stem="3x3", stem_pool=False, strides=(1, 2, 2, 1), width=16)
    config.optim.update(lr=3e-4, schedule="cosine")
    config.train.update(batch_size=100, total_epochs=20.0)


def whitened(config: ConfigDict, *, wide: bool) -> None:
    """Puts a system on the network of `jaxhash/models/backbones/whitened.py`, from random weights.

    Images of 32 px with crops and flips; AdamW in one cycle of the learning rate; the outputs of
    the hash layer are normalised over the batch. In encoding, the outputs of an image and of its
    mirror image are averaged. An epoch of 50,000 images takes three to five minutes of two
    CPU cores.

    Args:
      config: of a system; changed in place.
      wide: whether the second of the three stages is twice as wide.

    >>> from jaxhash.config import base
    >>> config = base()
    >>> whitened(config, wide=True)
    >>> config.model.backbone.whitened.widths, config.train.batch_size
    ((64, 256, 256), 128)
    """
    config.data.update(size=32, pad=2, flip=True, mirrored=True)
    config.model.hash_norm = True
    config.model.backbone.name = "whitened"
    config.model.backbone.whitened.widths = (64, 256 if wide else 128, 256)
    config.optim.update(name="adamw", lr=5e-3, weight_decay=0.05, schedule="one_cycle")
    config.train.batch_size = 128
    config.eval.at_start = False
    config.checkpoint.every_epochs = 1.0
