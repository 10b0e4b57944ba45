"""CIFAR-10 (Krizhevsky, 2009): 60,000 images of 32 x 32 pixels in 10 classes."""

from dataclasses import replace

from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol
from jaxhash.data.sets import _cifar10_archive


def build() -> DataSet:
    """Describes CIFAR-10 and the protocols in circulation.

    `cifar10_54k` is DHIDA's text (section 4.1: "the rest of the images serve as the database");
    `cifar10_59k` is the same split with the training images left in the database, as much public
    code has it; `cifar10_official` is DAH's: the official test images search the training images.
    `cifar10_transductive` is ADSH's: every image that is not a query trains, with its label, and is
    searched; not to be compared with the first two.

    `cifar10_unseen` asks what codes are worth for classes that no training image shows: it is
    `cifar10_official` without training on ships and trucks, and ranks to the first 1,000, as the
    file `data/cifar10zs.py` of github.com/aassxun/DSH_Analysis has it (an empirical study of
    training paradigms for deep supervised hashing). `cifar10_unseen_drawn` leaves out two classes
    that `data.split_seed` draws. Results then have mAP for queries of seen and unseen classes
    apart, see `jaxhash.metrics.unseen`.
    """
    official = Protocol(
        query_per_class=None,
        train_per_class=None,
        database="train",
        counts=(50_000, 10_000, 50_000),
    )
    unseen = replace(official, counts=(40_000, 10_000, 50_000), map_at=1_000, unseen=2)
    return DataSet(
        tfds_name="cifar10",
        parts=("train", "test"),
        prepare=_cifar10_archive.prepare,
        protocols={
            "cifar10_54k": Protocol(
                query_per_class=100,
                train_per_class=500,
                database="rest",
                counts=(5_000, 1_000, 54_000),
            ),
            "cifar10_59k": Protocol(
                query_per_class=100,
                train_per_class=500,
                database="rest and train",
                counts=(5_000, 1_000, 59_000),
            ),
            "cifar10_official": official,
            "cifar10_transductive": Protocol(
                query_per_class=100,
                train_per_class=5_900,
                database="train",
                counts=(59_000, 1_000, 59_000),
            ),
            "cifar10_unseen": unseen,
            "cifar10_unseen_drawn": replace(unseen, unseen_drawn=True),
        },
    )
