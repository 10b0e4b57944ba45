"""A trained network on its own, without the data set that it was trained on."""

from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from jaxhash import checkpoint, model, workdir
from jaxhash import config as configs
from jaxhash.data.augment import Augment
from jaxhash.errors import UserError
from jaxhash.model import HashModel


class Encoder(NamedTuple):
    """What is needed to turn images into codes.

    config: of the run. model: the network. variables: its weights, on the host. augment: how images
    become its input.
    """

    config: ConfigDict
    model: HashModel
    variables: dict
    augment: Augment

    @classmethod
    def from_checkpoint(cls, folder: Path) -> "Encoder":
        """Reads the newest checkpoint of a run.

        Args:
          folder: the workdir of the run.

        Raises:
          UserError: the folder holds no run, or no checkpoint.
        """
        config = configs.from_json(folder / workdir.CONFIG)
        if not checkpoint.exists(folder):
            raise UserError(f"{folder}: no checkpoint yet; train first with --mode=train")
        with checkpoint.Checkpoints(folder, config.checkpoint.keep) as checkpoints:
            state = checkpoints.read()
        variables = {name: state[name] for name in ("params", "batch_stats")}
        classifier = variables["params"]["head"].get("classifier")
        labels = classifier["kernel"].shape[1] if classifier else 0
        return cls(config, model.build(config.model, labels), variables, augment(config))


def augment(config: ConfigDict) -> Augment:
    """Builds what turns pixels into the network's input, from `config.data`."""
    data = config.data
    return Augment(data.size, data.pad, data.flip, tuple(data.mean), tuple(data.std))
