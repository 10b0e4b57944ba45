"""COCO 2014 (Lin et al.): 122,218 images with one or more of 80 labels, by list files."""

from pathlib import Path

from jaxhash.data import list_files
from jaxhash.data.contents import Contents, originals
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol


def build() -> DataSet:
    """Describes COCO as HashNet (Cao et al., ICCV 2017, section 4.1) splits it.

    5,000 queries, all others as the database, and 10,000 of these for training; mAP@5000. Put
    train2014, val2014 and the lists (train.txt, test.txt, database.txt) into
    DATA_DIR/downloads/manual/coco. The lists that HashNet's repository keeps for Caffe have the
    queries in the database, and leave the training images out; they are refused. `coco` draws
    queries and training images by the seed from all images that the lists name, `coco_lists` takes
    the lists' own.
    """
    counts = (10_000, 5_000, 117_218)
    return DataSet(
        tfds_name="jaxhash/coco",
        parts=("train",),
        contents=contents,
        from_files=True,
        protocols={
            "coco_lists": Protocol(None, None, "listed", counts, map_at=5_000),
            "coco": Protocol(
                query_per_class=None,
                train_per_class=None,
                query_of_all=5_000,
                train_of_all=10_000,
                database="rest and train",
                counts=counts,
                map_at=5_000,
            ),
        },
    )


def contents(root: Path) -> Contents:
    """Reads the lists; raises UserError where they are missing or damaged."""
    return list_files.contents(originals(root, "coco"))
