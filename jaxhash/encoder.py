"""A trained network on its own, without the data set that it was trained on."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxhash import checkpoint, model, workdir
from jaxhash import config as configs
from jaxhash.data.augment import Augment
from jaxhash.errors import UserError
from jaxhash.model import HashModel


class Encoder(NamedTuple):
    """What is needed to turn images into codes.

    config: of the run. model: the network. variables: its weights, on the host. augment: how images
    become its input. step: when the weights were kept.
    """

    config: ConfigDict
    model: HashModel
    variables: dict
    augment: Augment
    step: int

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
        network, step = model.build(config.model, labels), int(state["step"])
        return cls(config, network, variables, augment(config), step)

    def identity(self) -> str:
        """Names the codes of this network: another's, or those after more training, differ.

        Returns:
          name-bits@step-digest; the digest is of all that makes a code from an image: the weights,
          the network's configuration, and how pixels become its input.
        """
        config = self.config
        made_by = json.dumps([config.model.to_dict(), self.augment], sort_keys=True, default=list)
        digest = hashlib.sha256(made_by.encode())
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.variables):
            array = np.ascontiguousarray(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            digest.update(array.view(np.uint8).data)
        return f"{config.name}-{config.model.bits}@{self.step}-{digest.hexdigest()[:12]}"


def augment(config: ConfigDict) -> Augment:
    """Builds what turns pixels into the network's input, from `config.data`."""
    data = config.data
    return Augment(data.size, data.pad, data.flip, tuple(data.mean), tuple(data.std))
