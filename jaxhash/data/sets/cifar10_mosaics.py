"""20,000 mosaics of 64 x 64 pixels, each of four images of CIFAR-10: several labels."""

from pathlib import Path

from jaxhash.data import datasets, mosaics
from jaxhash.data.contents import Contents
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol

COUNT = 20_000


def build() -> DataSet:
    """Describes the mosaics of CIFAR-10 and their protocol, which no paper has.

    They are made from the copy of CIFAR-10 that TFDS has prepared, in its order. An image of
    CIFAR-10 may be in a query and in other mosaics of the database.
    """
    return DataSet(
        tfds_name="jaxhash/cifar10_mosaics",
        parts=("train",),
        contents=contents,
        protocols={
            "cifar10_mosaics": Protocol(
                query_per_class=100,
                train_per_class=500,
                database="rest and train",
                counts=(5_000, 1_000, 19_000),
                map_at=5_000,
            ),
        },
    )


def contents(root: Path) -> Contents:
    """Makes the mosaics of the copy of CIFAR-10 under `root`.

    Raises:
      UserError: there is none.
    """
    pool = datasets.load("cifar10", str(root))
    entries = mosaics.entries(pool.pixels, pool.labels.argmax(axis=1), COUNT)
    return Contents(pool.class_names, entries, shape=(64, 64))
