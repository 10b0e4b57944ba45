"""4,000 mosaics of 16 x 16 pixels, each of four handwritten digits: several labels, no network."""

from pathlib import Path
from typing import Any

from jaxhash.data import mosaics
from jaxhash.data.contents import Contents
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol
from jaxhash.data.sets import digits

COUNT = 4_000


def build() -> DataSet:
    """Describes the mosaics of digits and their protocols, which no paper has.

    For tests and demonstrations with several labels an image; the protocol is a small version of
    that of NUS-WIDE. A digit may be in a query and in other mosaics of the database.
    `mosaics_transductive` searches the training images, as learnt database codes need.
    """
    draw: dict[str, Any] = {"query_per_class": 10, "train_per_class": 100}
    return DataSet(
        tfds_name="jaxhash/mosaics",
        parts=("train",),
        contents=contents,
        channels=1,
        protocols={
            "mosaics": Protocol(
                **draw, database="rest and train", counts=(1_000, 100, 3_900), map_at=500
            ),
            "mosaics_transductive": Protocol(
                **draw, database="train", counts=(1_000, 100, 1_000), map_at=500
            ),
        },
    )


def contents(root: Path) -> Contents:
    """Makes the mosaics of scikit-learn's digits; `root` is unused."""
    del root
    entries = mosaics.entries(*digits.images(), COUNT)
    return Contents(digits.CLASSES, entries, channels=1, shape=(16, 16))
