"""The user's own images by a table, CSV or Parquet: columns path, labels and, optionally, split."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.contents import Contents, Entry
from jaxhash.data.datasets import DataSet
from jaxhash.data.images import tables
from jaxhash.data.images.tables import Row
from jaxhash.errors import UserError, printable

NAMES = ("manifest.csv", "manifest.parquet")
MOST_LEFT_OUT = 0.1  # the largest share of images that may be left out
SEPARATORS = ("|", ",", ";", "\t")
PARTS = {"query": "test", "test": "test", "train": "train", "database": "database"}


def build() -> DataSet:
    """Describes a table of the user's own images.

      --config.data.name=manifest --config.data.protocol=own --config.data.dir=PATH/images.csv

    `data.dir` is the table, or a folder with manifest.csv or manifest.parquet. `path` is relative
    to the table's folder; a URL file://, ~ and backslashes are understood. `labels` has several
    separated by `data.label_separator`, as in cat|outdoors, or none. `split` is query (or test),
    train, database, or train|database, for every image or for none; without it, a tenth of the
    images, drawn by the seed, are queries. Where no image is marked database, the training images
    are the database. Files that cannot be decoded are left out, and listed beside the prepared
    copy, which is made anew when the table or a file has changed; where they are more than a tenth
    of the table, it is refused.
    """
    return DataSet(
        tfds_name="jaxhash/manifest",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path, label_separator: str = tables.SEPARATOR) -> Contents:
    """Lists the images of a table; ids are their paths as the table has them, normalised.

    Args:
      root: the table, or its folder.
      label_separator: between the labels of an image.

    Raises:
      UserError: there is no table, it cannot be read (see `jaxhash.data.images.tables`), no image
        has a label, labels are multi-hot or lists, or the column split is contradictory.
    """
    table = root
    if root.is_dir():
        table = next((root / name for name in NAMES if (root / name).is_file()), root / NAMES[0])
    if not table.is_file():
        raise UserError(f"data.dir={root}: expected a table, .csv or .parquet, and {table} is none")
    rows = tables.read(table, ("labels",), label_separator)
    labels = [_labels(row, label_separator) for row in rows]
    if tables.is_multi_hot(labels):
        raise UserError(
            f"{table}: labels are 0 and 1, one for each class (multi-hot); expected names of "
            f"classes, such as cat{label_separator}outdoors"
        )
    parts = [_part(row.where, row.values.get("split", "")) for row in rows]
    if "all" in parts and len({*parts}) > 1:
        raise UserError(f"{table}: split is empty for some images; fill it in for all, or for none")
    classes = sorted({label for some in labels for label in some})
    if not classes:
        raise UserError(f"{table}: no image has a label")
    number = {label: position for position, label in enumerate(classes)}
    entries = [
        Entry(
            Path(os.path.normpath(row.name)).as_posix(),
            row.path,
            sorted({number[label] for label in some}),
            part,
        )
        for row, some, part in zip(rows, labels, parts, strict=True)
    ]
    notes = other_separators(classes, label_separator)
    return user_images.contents(table, classes, entries, MOST_LEFT_OUT, notes)


def other_separators(classes: Sequence[str], separator: str) -> list[str]:
    """Says which names of classes look like several labels with another separator.

    >>> print(*other_separators(["cat", "cat, small", "dog"], "|"))
    manifest: 1 of 3 labels hold ',', such as 'cat, small'; if that separates labels, set \
--config.data.label_separator=','
    """
    notes = []
    for other in SEPARATORS:
        found = [name for name in classes if other in name.strip()]
        if other != separator and found:
            notes.append(
                f"manifest: {len(found):,} of {len(classes):,} labels hold {other!r}, such as "
                f"{found[0]!r}; if that separates labels, set "
                f"--config.data.label_separator={other!r}"
            )
    return notes


def _labels(row: Row, separator: str) -> list[str]:
    text = row.values["labels"].strip()
    if re.fullmatch(r"\[.*\]|\(.*,.*\)|b'.*'|b\".*\"", text, re.DOTALL):
        raise UserError(
            f"{row.where}: labels {printable(text)} are written as Python writes a list or bytes; "
            f"expected cat{separator}outdoors"
        )
    return [label.strip() for label in text.split(separator) if label.strip()]


def _part(where: str, split: str) -> str:
    words = re.findall(r"\w+", split.lower())  # separated as the labels may be
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        raise UserError(f"{where}: split {unknown[0]!r}: expected query, train or database")
    roles = sorted({PARTS[word] for word in words})
    if "test" in roles and len(roles) > 1:
        raise UserError(f"{where}: split {split!r}: a query can be nothing else")
    return "+".join(roles) or "all"
