"""Where images come from: a folder, a CSV manifest, or a prepared TFDS data set."""

import csv
import hashlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxhash.data import datasets, protocols
from jaxhash.errors import UserError
from jaxhash.search.collection.workers import decode_files
from jaxhash.search.index.interface import OWN

PREPARED = "tfds:"
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FROM, STAMP = OWN + "from", OWN + "stamp"  # metadata: what an item came from, in which state


class Entry(NamedTuple):
    """An image that is to be in the index.

    id: its name there. metadata: for people, and FROM and STAMP. place: the file, or its number.
    """

    id: str
    metadata: dict[str, str]
    place: Path | int


class Origin(NamedTuple):
    """Images of one place.

    name: of the place. entries: its images. root: the folder that ids are paths from, if they are.
    pixels: uint8 [n h w c] where they are in memory.
    """

    name: str
    entries: list[Entry]
    root: Path | None = None
    pixels: np.ndarray | None = None

    def tag(self) -> str:
        """Returns what FROM says of these images: a short name that gives no paths away."""
        return _digest(self.name.encode())

    def read(
        self, entries: Sequence[Entry], size: int, channels: int, workers: int
    ) -> Iterator[np.ndarray | str]:
        """Yields each image, uint8 [h w c], or why it cannot be read."""
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
    """The images of a prepared data set by the ids of their items, decoded when asked for."""

    def __init__(self, images: str, data_dir: str | None):
        """Opens the data set that `images`, tfds:NAME/..., names; raises UserError if it cannot."""
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
      images: a folder, a file .csv with a column `path`, or tfds:NAME, tfds:NAME/SPLIT, or
        tfds:NAME/PROTOCOL, which is the database of that protocol.
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
    if place.suffix.lower() == ".csv" and place.is_file():
        return _manifest(place.resolve())
    reason = "a file" if place.is_file() else "no such folder"
    raise UserError(
        f"--images={images}: {reason}; expected a folder, a .csv with a column 'path', or "
        f"{PREPARED}NAME/SPLIT"
    )


def _folder(root: Path) -> Origin:
    """Lists the pictures below a folder; the first folder on the way to each is its label."""
    origin = Origin(str(root), [], root)
    others = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.startswith(".") or Path(name).suffix.lower() not in SUFFIXES:
                others += 1
                continue
            path = Path(folder, name)
            parts = path.relative_to(root).parts
            label = {"label": parts[0]} if len(parts) > 1 else {}
            origin.entries.append(_file("/".join(parts), path, label, origin))
    if not origin.entries:
        raise UserError(
            f"--images={root}: no images found ({others} other files); looked for "
            f"{' '.join(SUFFIXES)}"
        )
    return origin


def _manifest(path: Path) -> Origin:
    """Reads a CSV file; paths are relative to its folder, other columns become metadata."""
    origin = Origin(str(path), [], path.parent)
    entries = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            names = table.fieldnames or []
            own = [name for name in names if name.startswith(OWN)]
            if "path" not in names or own:
                found = f"column {own[0]!r} begins with {OWN!r}" if own else "no column 'path'"
                raise UserError(f"--images={path}: {found}; the columns are {', '.join(names)}")
            for row in table:
                if None in row or None in row.values() or not row["path"]:
                    raise UserError(
                        f"--images={path}: line {table.line_num} has not the {len(names)} values "
                        f"{', '.join(names)}"
                    )
                metadata = {n: v for n, v in row.items() if n and v and n != "path"}
                place = path.parent / row["path"]
                entries[row["path"]] = _file(row["path"], place, metadata, origin)
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise UserError(f"--images={path}: not a readable CSV file in UTF-8 ({error})") from None
    if not entries:
        raise UserError(f"--images={path}: no images found, the table is empty")
    return origin._replace(entries=list(entries.values()))


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
        stamp = "none"  # decoding says what is wrong with it
    return Entry(id, {**metadata, FROM: origin.tag(), STAMP: stamp}, path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
