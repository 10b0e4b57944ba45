"""NUS-WIDE (Chua et al., 2009): 195,834 images with one or more of its 21 most frequent labels."""

from collections import Counter
from pathlib import Path

import numpy as np

from jaxhash.data import list_files, text_files
from jaxhash.data.contents import Contents, Entry, of_files, originals
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol
from jaxhash.errors import UserError, printable

CONCEPTS = (
    *("sky", "clouds", "person", "water", "animal", "grass", "buildings", "window", "plants"),
    *("lake", "ocean", "road", "flowers", "sunset", "reflection", "rocks", "vehicle", "snow"),
    *("tree", "beach", "mountain"),
)


def build() -> DataSet:
    """Describes NUS-WIDE and its protocols, ranked to the first 5,000.

    TFDS cannot download it; put it into DATA_DIR/downloads/manual/nuswide, either as published
    (Groundtruth/AllLabels, ImageList, and the images under Flickr or images) or as list files
    (train.txt, test.txt, database.txt, and the images).

    `nuswide_21` is DHIDA's text (section 4.1): 100 queries of each label (2,100 in all), "the
    remaining images as the database", 500 images of each label "in the database" (10,500) for
    training. The text does not say how an image with several labels is drawn; see `Protocol`. It
    draws by the seed from either form. `nuswide_21_lists` is the split of the list files.
    """
    counts = (10_500, 2_100, 193_734)
    return DataSet(
        tfds_name="jaxhash/nuswide",
        parts=("train",),
        contents=contents,
        from_files=True,
        protocols={
            "nuswide_21": Protocol(100, 500, "rest and train", counts, map_at=5_000),
            "nuswide_21_lists": Protocol(None, None, "listed", counts, map_at=5_000),
        },
    )


def contents(root: Path) -> Contents:
    """Reads the published layout, or list files; raises UserError where neither is complete."""
    folder = originals(root, "nuswide")
    if list_files.present(folder):
        listed = list_files.contents(folder)  # published lists do not name their labels
        if len(listed.classes) != len(CONCEPTS):
            raise UserError(f"{folder}: lists of {len(listed.classes)} labels, expected 21")
        return listed
    names_file = folder / "ImageList" / "Imagelist.txt"
    if not names_file.exists():
        raise UserError(
            f"{folder}: expected ImageList/Imagelist.txt and Groundtruth/AllLabels as NUS-WIDE is "
            "published, or train.txt, test.txt and database.txt"
        )
    # Written on Windows: actor\0001_2124494179.jpg
    paths = [line.replace("\\", "/") for _, line in text_files.lines(names_file)]
    columns = []
    for concept in CONCEPTS:
        path = folder / "Groundtruth" / "AllLabels" / f"Labels_{concept}.txt"
        columns.append(list_files.read_zeros_and_ones(path))
        if len(columns[-1]) != len(paths):
            raise UserError(
                f"{path}: {len(columns[-1])} lines where {names_file.name} has {len(paths)}"
            )
    labels = np.stack(columns, axis=1)
    kept = np.flatnonzero(labels.any(axis=1))
    names = [paths[row] for row in kept]
    if len(set(names)) != len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise UserError(
            f"{names_file}: {printable(twice)} is there twice; remove one of the lines everywhere"
        )
    files = list_files.locate(folder, names, among=(".", "Flickr", "images"))
    entries = [
        Entry(name, file, np.flatnonzero(labels[row]).tolist())
        for name, file, row in zip(names, files, kept, strict=True)
    ]
    return of_files(folder, CONCEPTS, entries)
