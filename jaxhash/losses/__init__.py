"""Losses, one method a file.

A file has `build(**options) -> HashLoss`, and is found by its name: `loss.name` of a config. The
options of `build`, with their defaults, are in the config under that name, as `loss.dhida.gamma`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxhash import registry


class Codes(NamedTuple):
    """Outputs and labels of images: the rows of one replica, or the columns of all.

    u: [b k] outputs of the hash layer.
    labels: [b l] 0 or 1, several 1s where an image has several labels.
    index: [b] number of each training image, from 0.
    logits: [b l] of the head's classifier, or None.
    features: [b d] what the hash layer was given.
    place: [b] the row of the global batch, so that columns.u[rows.place] is rows.u; the views of an
      image have one index, and each a place of its own.

    What a loss does not use costs nothing: the compiler leaves it out.
    """

    u: jax.Array
    labels: jax.Array
    index: jax.Array  # type: ignore[assignment]  # not the method of tuples
    logits: jax.Array | None = None
    features: jax.Array | None = None
    place: jax.Array | None = None


class Task(NamedTuple):
    """What a loss is initialised with.

    bits: k.
    labels: [n l] 0 or 1, of all training images; `Codes.index` numbers their rows.
    seed: of the run, for what is drawn at random.
    total_steps: of the run.
    features: () -> [n d] NumPy, what the hash layer is given of the training images by the network
      before training; for `HashLoss.prepare` alone, None elsewhere.
    """

    bits: int
    labels: jax.Array
    seed: int = 0
    total_steps: int = 1
    features: Callable[[], np.ndarray] | None = None


class HashLoss(NamedTuple):
    """A loss as pure functions.

    init: (task) -> loss_state, all state of the method, as a tree of arrays.
    apply: (loss_state, rows, columns) -> (loss an example [b], loss_state, {name: scalar}).
      rows are this replica's examples, columns the global batch. The new state depends on the
      columns alone, so that it is the same on every replica.
    after_epoch: (loss_state) -> loss_state, called after each epoch and after the last step; or
      None.
    database_codes: (loss_state) -> [n k] of -1 and +1, for a method that learns a code for each
      training image beside the network's; None where all codes are the network's.
    needs_logits: whether the head must have a classifier.
    single_label: whether every image must have exactly one label.
    views: how many augmented views of each image the rows have, image by image.
    prepare: (loss_state, task) -> loss_state, what has to be computed once of all training images,
      before the first step of a run and never when it is resumed. It runs on the host, may use
      NumPy, and keeps the shapes of `init`.
    regulariser: (parameters of the head) -> scalar that is added to the loss.
    """

    init: Callable[[Task], Any]
    apply: Callable[[Any, Codes, Codes], tuple[jax.Array, Any, dict[str, jax.Array]]]
    after_epoch: Callable[[Any], Any] | None = None
    database_codes: Callable[[Any], jax.Array] | None = None
    needs_logits: bool = False
    single_label: bool = False
    views: int = 1
    prepare: Callable[[Any, Task], Any] | None = None
    regulariser: Callable[[Any], jax.Array] | None = None


def stateless(task: Task) -> tuple[()]:
    """Is the `init` of a loss that has no state."""
    return ()


def build(config: Any) -> HashLoss:
    """Builds the loss that `config.loss` names, with its options.

    Raises:
      UserError: an unknown name, or an option out of its range.

    >>> from jaxhash.config import base
    >>> build(base().loss).needs_logits
    False
    """
    module = registry.find(__name__, config.name)
    return module.build(**registry.options(config, module))
