"""A network of one convolution, for tests of what does not depend on the network."""

from pathlib import Path

from jaxhash import config as configs

BACKBONES = Path(__file__).parent / "backbones"  # to be added to jaxhash.models.backbones.__path__


def one_convolution(config, attention="none"):
    """Gives a config this network; returns the config."""
    with config.unlocked():
        config.model.backbone = configs.base().model.backbone
        config.model.backbone.name = "one_convolution"
        config.model.attention.update(name=attention, nodes=("last",))
        config.model.weights = "none"
    return config
