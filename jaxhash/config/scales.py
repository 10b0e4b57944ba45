"""Settings that several systems share: a size of network and of training for a given machine."""

from ml_collections import ConfigDict

MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3  # of EfficientNet-Lite: pixels (x - 127) / 128


def lite(config: ConfigDict) -> None:
    """Puts a system on EfficientNet-Lite0 with ImageNet weights, for two CPU cores: `scale=lite`.

    The first eight blocks are held still, and what they compute of 224 px images is kept, with
    four views of each training image. The rest trains with AdamW in one cycle of the learning
    rate, the layers behind the backbone at three times its rate.

    >>> from jaxhash.config import base
    >>> config = base()
    >>> lite(config)
    >>> config.model.weights, config.train.freeze
    ('efficientnet-lite0', 'block8')
    """
    config.name += "-lite"
    config.data.update(size=224, pad=28, flip=True, mean=MEAN, std=STD)
    config.model.backbone.name = "efficientnet_lite0"
    config.model.attention.nodes = ("block16",)  # the last one, of 320 channels
    config.model.weights = "efficientnet-lite0"
    config.optim.update(name="adamw", lr=1e-3, weight_decay=0.01, schedule="one_cycle")
    config.optim.multiplier.backbone = 0.3
    config.train.update(batch_size=64, total_epochs=12.0, freeze="block8", views=4)
    config.checkpoint.every_epochs = 1.0
