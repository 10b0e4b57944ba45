"""One's own images by a table, CSV or Parquet: columns path, labels, and split if you like."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.datasets import DataSet
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError, first_line

NAMES = ("manifest.csv", "manifest.parquet")
PARTS = {"query": "test", "test": "test", "train": "train", "database": "database"}


def build() -> DataSet:
    """Describes a table of one's own images.

      --config.data.name=manifest --config.data.protocol=own --config.data.dir=PATH/images.csv

    `data.dir` is the table, or a folder with manifest.csv or manifest.parquet. `path` is seen from
    the table's folder. `labels` has several separated by |, as in cat|outdoors, or none. `split`
    is query (or test), train, database, or train|database, for every image or for none; without it,
    a tenth of the images, drawn by the seed, ask. Where no image is marked database, the training
    images are searched. Files that are no pictures are left out, and listed beside the prepared
    copy, which is made anew when the table or a file has changed.
    """
    return DataSet(
        tfds_name="jaxhash/manifest",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path) -> Contents:
    """Reads the table; raises UserError for a row that is damaged or names an image again."""
    table = root
    if root.is_dir():
        table = next((root / name for name in NAMES if (root / name).is_file()), root / NAMES[0])
    if not table.is_file():
        raise UserError(f"data.dir={root}: expected a table, .csv or .parquet, and {table} is none")
    rows = []
    lines: dict[str, str] = {}
    for where, row in _rows(table):
        name = Path(os.path.normpath(row["path"])).as_posix()
        if name in lines:
            raise UserError(f"{where}: {name} comes twice, first in {lines[name]}; remove one")
        lines[name] = where
        labels = sorted({label.strip() for label in row["labels"].split("|")} - {""})
        rows.append((name, labels, _part(where, row.get("split", ""))))
    parts = {part for _, _, part in rows}
    if "all" in parts and len(parts) > 1:
        raise UserError(f"{table}: split is empty for some images; fill it in for all, or for none")
    classes = sorted({label for _, labels, _ in rows for label in labels})
    if not classes:
        raise UserError(f"{table}: no image has a label")
    number = {label: position for position, label in enumerate(classes)}
    entries = [
        Entry(name, table.parent / name, [number[label] for label in labels], part)
        for name, labels, part in rows
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


def _rows(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    read = _read_parquet if table.suffix == ".parquet" else _read_csv
    for number, row in read(table):
        where = f"{table} line {number}"
        missing = {"path", "labels"} - row.keys()
        if missing:
            raise UserError(f"{table}: no column {sorted(missing)[0]!r}; expected path and labels")
        if None in row or None in row.values():
            raise UserError(f"{where}: as many values as columns are expected")
        if not row["path"]:
            raise UserError(f"{where}: no path")
        yield where, row


def _read_csv(table: Path) -> Iterator[tuple[int, dict]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{table}: not a CSV file in UTF-8 ({error})") from None


def _read_parquet(table: Path) -> Iterator[tuple[int, dict]]:
    import pyarrow.parquet  # noqa: PLC0415  slow, and of use here alone

    try:
        rows = pyarrow.parquet.read_table(table).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{table}: not a Parquet file ({first_line(error)})") from None
    for number, row in enumerate(rows, 1):
        labels = row.get("labels")
        if isinstance(labels, list):  # a Parquet column may hold lists
            row["labels"] = "|".join(map(str, labels))
        empty = {name: "" for name in ("labels", "split") if name in row and row[name] is None}
        yield (
            number,
            {name: value if value is None else str(value) for name, value in row.items()} | empty,
        )
