"""PASCAL VOC 2012 (Everingham et al.): 11,540 images with 20 labels, by list files."""

from pathlib import Path

from jaxhash.data import list_files
from jaxhash.data.contents import Contents, originals
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol


def build() -> DataSet:
    """Describes VOC 2012 as public list files split it: 4,000, 1,000, and 6,540 others.

    Put VOCdevkit and the lists (train.txt, test.txt, database.txt) into
    DATA_DIR/downloads/manual/voc2012.
    """
    return DataSet(
        tfds_name="jaxhash/voc2012",
        parts=("train",),
        contents=contents,
        from_files=True,
        protocols={
            "voc2012_lists": Protocol(None, None, "listed", counts=(4_000, 1_000, 6_540)),
        },
    )


def contents(root: Path) -> Contents:
    """Reads the lists; raises UserError where they are missing or damaged."""
    return list_files.contents(originals(root, "voc2012"))
