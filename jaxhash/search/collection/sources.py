"""Where images come from: a folder, a table, or a prepared TFDS data set."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxhash.data import datasets, protocols
from jaxhash.data.images import decoder, folders, tables
from jaxhash.errors import UserError
from jaxhash.search.collection.workers import decode_files
from jaxhash.search.index.interface import OWN

PREPARED = "tfds:"
FROM, STAMP = OWN + "from", OWN + "stamp"  # metadata: an item's origin, and its file's version


class Entry(NamedTuple):
    """An image that is to be in the index.

    id: of its item. metadata: the user's, with FROM and STAMP. place: the file, or its row in the
    data set.
    """

    id: str
    metadata: dict[str, str]
    place: Path | int


class Origin(NamedTuple):
    """The images of one folder, table or data set.

    name: of that place. entries: its images. root: the folder that ids are relative to, if they are
    paths. pixels: uint8 [n h w c] of a data set. others: files that are no pictures, by name.
    unlisted: (name, reason) of folders that cannot be listed; what lies below them is unknown.
    """

    name: str
    entries: list[Entry]
    root: Path | None = None
    pixels: np.ndarray | None = None
    others: Sequence[str] = ()
    unlisted: Sequence[tuple[str, str]] = ()

    def tag(self) -> str:
        """Returns the value of FROM for these images: a digest, which discloses no paths."""
        return _digest(os.fsencode(self.name))

    def is_below_unlisted(self, id: str) -> bool:
        """Says whether an id is that of a file below a folder that cannot be listed."""
        return id.startswith(tuple(f"{name}/" for name, _ in self.unlisted))

    def read(
        self, entries: Sequence[Entry], size: int, channels: int, workers: int
    ) -> Iterator[np.ndarray | str]:
        """Decodes images.

        Yields:
          uint8 [size size channels], or the reason why it cannot be read, for each entry.

        Raises:
          UserError: the data set has images of another number of channels.
        """
        places = [entry.place for entry in entries]
        if self.pixels is None:
            return decode_files(places, size, channels, workers)
        if self.pixels.shape[-1] != channels:
            raise UserError(
                f"{self.name} has images of {self.pixels.shape[-1]} channels, the network reads "
                f"{channels}"
            )
        return (self.pixels[place] for place in places)


class PreparedPixels(Mapping[str, np.ndarray]):
    """The images of a prepared data set by the ids of their items; a lookup decodes."""

    def __init__(self, images: str, data_dir: str | None):
        """Opens the data set named by `images`, as tfds:NAME/...

        Raises:
          UserError: it is not prepared, or damaged.
        """
        self._name = images.removeprefix(PREPARED).partition("/")[0]
        pool = datasets.load(self._name, data_dir, resident_bytes=0)
        self._pixels = pool.pixels
        self._rows = {f"{self._name}/{id}": row for row, id in enumerate(pool.ids.tolist())}
        self._lock = threading.Lock()

    def __getitem__(self, id: str) -> np.ndarray:
        row = self._rows[id]
        with self._lock:
            return self._pixels[row : row + 1][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def find(images: str, data_dir: str | None, seed: int = 0) -> Origin:
    """Lists the images of a place.

    Args:
      images: a folder, a table (.csv or .parquet) with a column `path`, tfds:NAME, tfds:NAME/SPLIT,
        or tfds:NAME/PROTOCOL, which is the database of that protocol.
      data_dir: where TFDS data sets lie.
      seed: of the protocol's draw.

    Raises:
      UserError: there is no such place, or it holds no image.
    """
    if images.startswith(PREPARED):
        return _prepared(images, data_dir, seed)
    place = Path(images).expanduser()
    if place.is_dir():
        return _folder(place.resolve())
    if tables.is_table(place) and place.is_file():
        return _table(place.resolve())
    reason = "a file" if place.is_file() else "no such folder"
    raise UserError(
        f"--images={images}: {reason}; expected a folder, a table (.csv or .parquet) with a column "
        f"'path', or {PREPARED}NAME/SPLIT"
    )


def _folder(root: Path) -> Origin:
    """Lists the pictures below a folder; the first folder on the way to each is its label."""
    listing = folders.walk(root)
    for name, reason in listing.unlisted:
        if not name:
            raise UserError(f"--images={root}: the folder cannot be listed ({reason})")
    others = [file.name for file in listing.files if not file.picture]
    origin = Origin(str(root), [], root, others=others, unlisted=listing.unlisted)
    for file in listing.files:
        if file.picture:
            label = {} if file.label is None else {"label": file.label}
            origin.entries.append(_file(file.name, file.path, label, origin))
    if not origin.entries:
        unlisted = "".join(f"; {name} cannot be listed ({why})" for name, why in listing.unlisted)
        raise UserError(
            f"--images={root}: no images found ({len(others)} other files){unlisted}; expected "
            f"pictures as {decoder.names()}"
        )
    return origin


def _table(path: Path) -> Origin:
    """Reads a table; paths are relative to its folder, other columns become metadata."""
    origin = Origin(str(path), [], path.parent)
    for row in tables.read(path):
        reserved = [name for name in row.values if name.startswith(OWN)]
        if reserved:
            raise UserError(
                f"{path}: column {reserved[0]!r} begins with {OWN!r}, which is reserved; rename it"
            )
        metadata = {name: value for name, value in row.values.items() if name and value}
        origin.entries.append(_file(row.name, row.path, metadata, origin))
    if not origin.entries:
        raise UserError(f"--images={path}: no images found, the table is empty")
    return origin


def _prepared(images: str, data_dir: str | None, seed: int) -> Origin:
    name, _, part = images.removeprefix(PREPARED).partition("/")
    pool = datasets.load(name, data_dir)
    rules = datasets.describe(name).protocols
    known = [*np.unique(pool.parts).tolist(), *rules]
    if part and part not in known:
        raise UserError(
            f"--images={images}: {name} has no split or protocol {part}; known: {', '.join(known)}"
        )
    rows = range(len(pool.ids))
    if part in rules:
        rows = protocols.split(rules[part], pool.labels, pool.parts, pool.ids, seed).database
    elif part:
        rows = np.flatnonzero(pool.parts == part)
    origin = Origin(images, [], pixels=pool.pixels)
    for row in rows:
        labels = [pool.class_names[l] for l in np.flatnonzero(pool.labels[row])]
        metadata = {
            "label": " ".join(labels),
            FROM: origin.tag(),
            STAMP: _digest(pool.pixels[row].tobytes()),
        }
        origin.entries.append(Entry(f"{name}/{pool.ids[row]}", metadata, int(row)))
    return origin


def _file(id: str, path: Path, metadata: dict[str, str], origin: Origin) -> Entry:
    try:
        status = path.stat()
        stamp = f"{status.st_size}-{status.st_mtime_ns}"
    except (OSError, ValueError):
        stamp = "none"  # decoding gives the reason
    return Entry(id, {**metadata, FROM: origin.tag(), STAMP: stamp}, path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
