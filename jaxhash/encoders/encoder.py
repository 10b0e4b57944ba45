"""A trained network, opened without the data set that it was trained on."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import augment as augmentation
from jaxhash.data.augment import Augment
from jaxhash.encoders import steps
from jaxhash.encoders.exported import NOTES, Exported
from jaxhash.errors import UserError
from jaxhash.models import hash_network
from jaxhash.models.hash_network import HashModel
from jaxhash.runs import dataset, workdir
from jaxhash.runs.checkpoints import Checkpoints


class ImageEncoder(Protocol):
    """The interface that search uses: an `Encoder` from a checkpoint, or an `Exported` one."""

    @property
    def variables(self) -> dict:
        """Returns its weights, a tree of arrays on the host."""

    @property
    def bits(self) -> int:
        """Returns k."""

    @property
    def size(self) -> int:
        """Returns height and width of the images that it takes, uint8 [b size size channels]."""

    @property
    def channels(self) -> int:
        """Returns the channels of the images that it takes."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Returns the nodes that have an attention map, in the order of the network."""

    @property
    def features(self) -> int:
        """Returns how many real-valued features `encode_features` computes; 0: it cannot."""

    @property
    def data_dir(self) -> str | None:
        """Returns `data.dir` of the run, where that is known."""

    def encode(self, variables: dict, pixels: jax.Array) -> jax.Array:
        """Computes packed codes [b ceil(k/8)] of images: a pure function, a step of one replica."""

    def encode_features(self, variables: dict, pixels: jax.Array) -> jax.Array:
        """Computes codes and real-valued features: see `jaxhash.encoders.steps.features_step`."""

    def attend(self, variables: dict, pixels: jax.Array) -> dict[str, jax.Array]:
        """Computes {node: [b h' w']}, the weight of each position: a pure function."""

    def identity(self) -> str:
        """Returns an identifier of its codes, the same from its checkpoint and exported."""


def open_encoder(folder: str | Path) -> ImageEncoder:
    """Opens a trained network: the workdir of a run, or what `jaxhash.export` made of one.

    Raises:
      UserError: there is no such folder, it is neither, or its content is damaged.
    """
    folder = Path(folder).expanduser()
    exported = (folder / NOTES).exists() and not (folder / workdir.CONFIG).exists()
    return Exported.load(folder) if exported else Encoder.from_checkpoint(folder)


class Encoder(NamedTuple):
    """A network with its weights, and how images become its input.

    config: of the run. model: the network. variables: its weights, on the host; the average where
    the run has one. augment: how images become its input. step: of the checkpoint. saved: the
    configuration of the network as the run left it, where it was read from a workdir.
    """

    config: ConfigDict
    model: HashModel
    variables: dict
    augment: Augment
    step: int
    saved: dict[str, Any] | None = None

    @classmethod
    def from_checkpoint(cls, folder: Path) -> "Encoder":
        """Reads the newest checkpoint of a run.

        Args:
          folder: the workdir of the run.

        Raises:
          UserError: the folder holds no run, or no checkpoint.
        """
        config = configs.from_json(folder / workdir.CONFIG)
        if not workdir.has_checkpoint(folder):
            raise UserError(f"{folder}: no checkpoint yet; train first with --mode=train")
        with Checkpoints(folder, config.checkpoint.keep) as checkpoints:
            state = checkpoints.read()
        kept = state.get("average", state)
        variables = {name: kept[name] for name in ("params", "batch_stats")}
        network = hash_network.build(config.model, _count_labels(folder, variables))
        augment = augmentation.build(config.data)
        saved = json.loads((folder / workdir.CONFIG).read_text()).get("model")
        return cls(config, network, variables, augment, int(state["step"]), saved)

    @property
    def bits(self) -> int:
        """Returns k."""
        return self.config.model.bits

    @property
    def size(self) -> int:
        """Returns height and width of the network's input; images of another are resized to it."""
        return self.augment.size

    @property
    def channels(self) -> int:
        """Returns c: 3, or 1 for grey images."""
        return len(self.augment.mean)

    @property
    def features(self) -> int:
        """Returns k: the features are the real outputs of the hash layer."""
        return self.bits

    @property
    def data_dir(self) -> str | None:
        """Returns `data.dir` of the run; None for TFDS's default."""
        return self.config.data.dir

    @property
    def nodes(self) -> tuple[str, ...]:
        """Lists the nodes of the backbone that have an attention map."""
        image = jax.ShapeDtypeStruct((1, self.size, self.size, self.channels), jnp.uint8)
        shown = jax.eval_shape(self.attend, self.variables, image)
        return tuple(node for node in self.model.attention if node in shown)

    def encode(self, variables: dict[str, Any], pixels: jax.Array) -> jax.Array:
        """Encodes images: see `jaxhash.encoders.steps.encode_step`."""
        return steps.encode_step(variables, pixels, model=self.model, augment=self.augment)

    def encode_features(self, variables: dict[str, Any], pixels: jax.Array) -> jax.Array:
        """Encodes images: see `jaxhash.encoders.steps.features_step`."""
        return steps.features_step(variables, pixels, model=self.model, augment=self.augment)

    def attend(self, variables: dict[str, Any], pixels: jax.Array) -> dict[str, jax.Array]:
        """Computes attention maps: see `jaxhash.encoders.steps.attention_step`."""
        return steps.attention_step(variables, pixels, model=self.model, augment=self.augment)

    def identity(self) -> str:
        """Returns an identifier of the codes, which changes with the weights and the config.

        Returns:
          name-bits@step-digest; the digest covers all that determines a code: the weights, the
          configuration of the network, and how pixels become its input. The configuration is taken
          as the run left it: a setting or a module that a later version of jaxhash adds makes no
          other encoder.
        """
        config, augment = self.config, self.augment
        network = config.model.to_dict() if self.saved is None else self.saved
        pixels = [augment.size, augment.pad, augment.flip, augment.mean, augment.std]
        pixels += ["mirrored"] * augment.mirrored
        pixels += [augment.central] * (augment.central < 1)
        made_by = json.dumps([network, pixels], sort_keys=True, default=list)
        digest = hashlib.sha256(made_by.encode())
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.variables):
            array = np.ascontiguousarray(leaf)
            digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
            digest.update(array.view(np.uint8).data)
        return f"{config.name}-{config.model.bits}@{self.step}-{digest.hexdigest()[:12]}"


def _count_labels(folder: Path, variables: dict) -> int:
    """Returns how many labels the data of a run have, by which its head was built."""
    kept = dataset.read(folder)
    if kept is not None:
        return len(kept.classes)
    # A workdir of version 0.1, whose only head with parameters for labels has this layer.
    classifier = variables["params"]["head"].get("classifier")
    return classifier["kernel"].shape[1] if classifier else 0
