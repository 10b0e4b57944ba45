"""Objectives, one paper a file.

A file has `build(**options) -> HashLoss`, and is found by its name: `loss.name` of a config. The
options of `build`, with their defaults, stand in the config under that name, as `loss.dhida.gamma`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Codes(NamedTuple):
    """What a loss sees of some images: the rows of one replica, or the columns of all.

    u: [b k] outputs of the hash layer.
    labels: [b l] 0 or 1, several 1s where an image has several labels.
    index: [b] which training image each is, from 0.
    """

    u: jax.Array
    labels: jax.Array
    index: jax.Array


class Sizes(NamedTuple):
    """What a loss may need to know before it sees data."""

    bits: int
    train: int
    labels: int


class HashLoss(NamedTuple):
    """A loss as two pure functions.

    init: (sizes) -> loss_state, all that the method remembers, as a tree of arrays.
    apply: (loss_state, rows, columns) -> (loss an example [b], loss_state, {name: scalar}).
      rows are this replica's examples, columns the global batch. The new state depends on the
      columns alone, so that it stays the same on every replica.
    """

    init: Callable[[Sizes], Any]
    apply: Callable[[Any, Codes, Codes], tuple[jax.Array, Any, dict[str, jax.Array]]]
