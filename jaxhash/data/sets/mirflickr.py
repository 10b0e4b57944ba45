"""MIRFlickr-25K (Huiskes and Lew, 2008): 25,000 images, of which 24,581 have one of 24 labels."""

import re
from functools import partial
from pathlib import Path

from jaxhash.data import list_files, text_files
from jaxhash.data.contents import Contents, Entry, of_files, originals
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol
from jaxhash.errors import UserError

ANNOTATIONS = "mirflickr25k_annotations_v080"
IMAGE = re.compile("[0-9]{1,9}")


def build() -> DataSet:
    """Describes MIRFlickr-25K and the protocols in circulation.

    Put it into DATA_DIR/downloads/manual/mirflickr: as published (the folder
    mirflickr25k_annotations_v080, and the images im1.jpg to im25000.jpg), or as list files.

    `mirflickr` draws 2,000 queries from all images with a label and 5,000 of the others for
    training, and searches all that are no query; `mirflickr_4k` trains on 4,000. Papers do not say
    whether training images are searched; here they are. `mirflickr_lists` is the split of public
    list files with 38 labels (the 24, and 14 of them in a stricter sense again): 4,000 for
    training, 1,000 queries, 20,000 others as the database.
    """
    drawn = partial(Protocol, None, None, "rest and train", query_of_all=2_000)
    return DataSet(
        tfds_name="jaxhash/mirflickr",
        parts=("train",),
        contents=contents,
        from_files=True,
        protocols={
            "mirflickr": drawn((5_000, 2_000, 22_581), train_of_all=5_000),
            "mirflickr_4k": drawn((4_000, 2_000, 22_581), train_of_all=4_000),
            "mirflickr_lists": Protocol(None, None, "listed", counts=(4_000, 1_000, 20_000)),
        },
    )


def contents(root: Path) -> Contents:
    """Reads list files, or the published annotations: image numbers, one file a label.

    Raises:
      UserError: there is neither, or it is damaged.
    """
    folder = originals(root, "mirflickr")
    if list_files.present(folder):
        return list_files.contents(folder)
    files = sorted((folder / ANNOTATIONS).glob("*.txt"))
    # "_r1": the label in a stricter sense.
    files = [file for file in files if "README" not in file.name and "_r1" not in file.name]
    if not files:
        raise UserError(
            f"{folder}: expected {ANNOTATIONS}/ as MIRFlickr is published, or train.txt, test.txt "
            "and database.txt"
        )
    labels: dict[int, list[int]] = {}
    for number, file in enumerate(files):
        for line_number, line in text_files.lines(file):
            concepts = labels.setdefault(int(line), []) if IMAGE.fullmatch(line) else None
            if concepts is None or number in concepts:
                raise UserError(
                    f"{file} line {line_number}: expected the number of an image a line, and none "
                    "twice"
                )
            concepts.append(number)
    names = [f"im{image}.jpg" for image in sorted(labels)]
    found = list_files.locate(folder, names, among=(".", "mirflickr", "images"))
    entries = [
        Entry(name, file, labels[image])
        for name, file, image in zip(names, found, sorted(labels), strict=True)
    ]
    return of_files(folder, [file.stem for file in files], entries)
