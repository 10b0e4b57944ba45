"""Data: data sets, protocols (seeded splits), sampler, loader, augmentation on the device."""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxhash.errors import UserError

if TYPE_CHECKING:
    from jaxhash.data.datasets import Pool
    from jaxhash.data.protocols import Protocol, Split

# How many bytes of images, decoded, are kept in memory, and of training images on each device.
RESIDENT_BYTES = {"auto": 4 * 2**30, "always": -1, "never": math.inf}


class Data(NamedTuple):
    """A data set, split by a protocol.

    pool: all images. protocol: the rule. split: the train, query and database splits.
    resident_bytes: training images that take more bytes than this, decoded, are streamed.
    """

    pool: "Pool"
    protocol: "Protocol"
    split: "Split"
    resident_bytes: float

    @property
    def train_labels(self):
        """Returns the labels of the training images, uint8 [n l], in the order of the split."""
        return self.pool.labels[self.split.train]


def build(config: Any, resident: bool = True) -> Data:
    """Loads and splits the data set that `config.data` names.

    Args:
      config: the section `data` of a configuration; `split_seed` draws the splits.
      resident: whether images are decoded at once and kept in memory, where they fit.

    Raises:
      UserError: the data set or its protocol is unknown, the data are absent or damaged, or they do
        not hold the images that the protocol needs.
    """
    from jaxhash.data import datasets, protocols  # noqa: PLC0415  slow, and not for augmentation

    protocol = datasets.protocol(config.name, config.protocol)
    resident_bytes = RESIDENT_BYTES[config.stream]
    side = config.stored or config.size
    in_memory = resident_bytes if resident else 0
    pool = datasets.load(config.name, config.dir, side, in_memory, config.label_separator)
    seed = config.split_seed
    try:
        split = protocols.split(protocol, pool.labels, pool.parts, pool.ids, seed)
    except UserError as error:
        if protocol.counts is None:  # of one's own images
            raise
        again = f"delete {pool.folder} to have it prepared again"
        raise UserError(f"{error}; {again}") from None
    if config.held_out:
        split = protocols.hold_out(split, config.held_out, pool.ids, seed, protocol.keyed)
    return Data(pool, protocol, split, resident_bytes)
