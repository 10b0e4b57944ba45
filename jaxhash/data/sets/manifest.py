"""The user's own images by a table, CSV or Parquet: columns path, labels and, optionally, split."""

import os
from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.datasets import DataSet
from jaxhash.data.images import tables
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError

NAMES = ("manifest.csv", "manifest.parquet")
PARTS = {"query": "test", "test": "test", "train": "train", "database": "database"}


def build() -> DataSet:
    """Describes a table of the user's own images.

      --config.data.name=manifest --config.data.protocol=own --config.data.dir=PATH/images.csv

    `data.dir` is the table, or a folder with manifest.csv or manifest.parquet. `path` is relative
    to the table's folder. `labels` has several separated by |, as in cat|outdoors, or none. `split`
    is query (or test), train, database, or train|database, for every image or for none; without it,
    a tenth of the images, drawn by the seed, are queries. Where no image is marked database, the
    training images are the database. Files that cannot be decoded are left out, and listed beside
    the prepared copy, which is made anew when the table or a file has changed.
    """
    return DataSet(
        tfds_name="jaxhash/manifest",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path) -> Contents:
    """Lists the images of a table; ids are their paths as the table has them, normalised.

    Raises:
      UserError: there is no table, it cannot be read (see `jaxhash.data.images.tables`), no image
        has a label, or the column split is contradictory.
    """
    table = root
    if root.is_dir():
        table = next((root / name for name in NAMES if (root / name).is_file()), root / NAMES[0])
    if not table.is_file():
        raise UserError(f"data.dir={root}: expected a table, .csv or .parquet, and {table} is none")
    images = []
    for row in tables.read(table, ("labels",)):
        name = Path(os.path.normpath(row.name)).as_posix()
        labels = sorted({label.strip() for label in row.values["labels"].split("|")} - {""})
        images.append((name, labels, _part(row.where, row.values.get("split", ""))))
    parts = {part for _, _, part in images}
    if "all" in parts and len(parts) > 1:
        raise UserError(f"{table}: split is empty for some images; fill it in for all, or for none")
    classes = sorted({label for _, labels, _ in images for label in labels})
    if not classes:
        raise UserError(f"{table}: no image has a label")
    number = {label: position for position, label in enumerate(classes)}
    entries = [
        Entry(name, table.parent / name, [number[label] for label in labels], part)
        for name, labels, part in images
    ]
    return user_images.contents(table, classes, entries)


def _part(where: str, split: str) -> str:
    words = [word.strip().lower() for word in split.split("|") if word.strip()]
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        raise UserError(f"{where}: split {unknown[0]!r}: expected query, train or database")
    roles = sorted({PARTS[word] for word in words})
    if "test" in roles and len(roles) > 1:
        raise UserError(f"{where}: split {split!r}: a query can be nothing else")
    return "+".join(roles) or "all"
