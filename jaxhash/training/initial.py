"""Initial weights: the network of another run (`model.weights=runs/a`), or training images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax import traverse_util

from jaxhash.encoders.encoder import Encoder, open_encoder
from jaxhash.errors import UserError
from jaxhash.runs import dataset

PIXELS = 5_000 * 32**2  # of training images, as many as a first layer is computed from
Flat = dict[tuple[str, ...], Any]


class Initialised(NamedTuple):
    """Variables with the weights of another network in them.

    variables: of the structure that was given. notes: for the provenance: `model`, which names the
    other network; `taken`, the parts that are its; `random`, those that are not, with the reason;
    `dataset` and `split`, the checksum of the splits that it was trained on, None where unknown.
    """

    variables: dict
    notes: dict[str, Any]

    def __str__(self) -> str:
        """Returns the line that a run prints."""
        random = [f"{part} ({why})" for part, why in self.notes["random"].items()]
        rest = f"; from random weights: {', '.join(random)}" if random else ""
        return f"initial weights of {self.notes['model']}: {', '.join(self.notes['taken'])}{rest}"

    def trained_on_other_splits(self, dataset: str, split: str) -> bool:
        """Tells whether the other network is known to have seen other splits of a data set."""
        return self.notes["dataset"] == dataset and self.notes["split"] not in (None, split)


def names_run(weights: str) -> bool:
    """Tells whether `model.weights` names a folder: a workdir, or an exported encoder."""
    return Path(weights).expanduser().is_dir()


def from_run(variables: dict, weights: str) -> Initialised:
    """Takes the network of a run, or of an exported encoder, part by part.

    Parts are the backbone, the attention at each node, and the head. A part is taken where all its
    weights are there in the shapes that are needed; of other bits or labels, the head is not.

    Args:
      variables: {"params", "batch_stats"} of random weights.
      weights: the folder.

    Raises:
      UserError: it holds no network, or one whose backbone is another.
    """
    folder = Path(weights).expanduser()
    try:
        encoder = open_encoder(folder)
    except UserError as error:
        raise UserError(f"model.weights={weights}: {error}") from error
    wanted, given = _by_part(variables), _by_part(encoder.variables)
    mistakes = {part: _mistake(wanted[part], given.get(part, {})) for part in wanted}
    if mistakes["backbone"]:
        raise UserError(
            f"model.weights={weights}: its backbone is another, {mistakes['backbone']}; choose "
            "model.backbone and its options as there, or model.weights=none"
        )
    taken = [part for part, mistake in mistakes.items() if not mistake]
    filled = traverse_util.flatten_dict(variables)
    for part in taken:
        for path, leaf in wanted[part].items():
            filled[path] = np.asarray(given[part][path], leaf.dtype)
    kept = dataset.read(folder)
    notes = {
        "model": encoder.identity(),
        "taken": taken,
        "random": {part: mistake for part, mistake in mistakes.items() if mistake},
        "dataset": encoder.config.data.name if isinstance(encoder, Encoder) else None,
        "split": kept.split if kept else None,
    }
    return Initialised(traverse_util.unflatten_dict(filled), notes)


def from_images(variables: dict, fitted: Callable, images: np.ndarray) -> dict:
    """Has a backbone that starts from random weights set its first layer by training images.

    Args:
      variables: {"params", "batch_stats"} of the network.
      fitted: the `from_images` of the backbone's family.
      images: [n h w c], normalised as the network is given them.
    """
    own = {kind: parts["backbone"] for kind, parts in variables.items()}
    changed = fitted(own, images)
    return {kind: {**variables[kind], "backbone": changed[kind]} for kind in variables}


def _by_part(variables: dict) -> dict[str, Flat]:
    """Groups weights by part; those of an exported encoder are named as in params/head/bias."""
    parts: dict[str, Flat] = {}
    for path, leaf in traverse_util.flatten_dict(variables).items():
        names = tuple(path[0].split("/")) if len(path) == 1 else path
        parts.setdefault(names[1], {})[names] = leaf
    return parts


def _mistake(wanted: Flat, given: Flat) -> str:
    """Says why a part cannot be taken; "" where it can."""
    if not given:
        return "there is none"
    for path, leaf in wanted.items():
        name = "/".join(path[2:])
        if path not in given:
            return f"without {name} there"
        if np.shape(given[path]) != np.shape(leaf):
            return f"{name} has shape {np.shape(given[path])} there and {np.shape(leaf)} here"
    extra = sorted("/".join(path[2:]) for path in given.keys() - wanted.keys())
    return f"with {extra[0]} there" if extra else ""
