"""Prepared TFDS data sets as collections: tfds:NAME/SPLIT."""

import threading
from collections.abc import Iterator, Mapping

import numpy as np

from jaxhash.data import datasets, protocols
from jaxhash.errors import UserError
from jaxhash.search.collection.origin import FROM, STAMP, Entry, Origin, digest

PREFIX = "tfds:"


class PreparedPixels(Mapping[str, np.ndarray]):
    """The images of a prepared data set by the ids of their items; a lookup decodes."""

    def __init__(self, images: str, data_dir: str | None):
        """Opens the data set named by `images`, as tfds:NAME/...

        Raises:
          UserError: it is not prepared, or damaged.
        """
        self._name = images.removeprefix(PREFIX).partition("/")[0]
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


def find(images: str, data_dir: str | None, seed: int) -> Origin:
    """Lists the images of a prepared data set, of one of its splits, or of a protocol's database.

    Args:
      images: tfds:NAME, tfds:NAME/SPLIT or tfds:NAME/PROTOCOL.
      data_dir: folder of TFDS data sets.
      seed: of the protocol's split.

    Raises:
      UserError: there is no such data set, split or protocol, or it is damaged.
    """
    name, _, part = images.removeprefix(PREFIX).partition("/")
    pool = datasets.load(name, data_dir)
    rules = datasets.describe(name).protocols
    known = [*np.unique(pool.parts).tolist(), *rules]
    if part and part not in known:
        raise UserError(
            f"--images={images}: {name} has no split or protocol {part}; known: {', '.join(known)}"
        )
    rows = np.arange(len(pool.ids))
    if part in rules:
        rows = protocols.split(rules[part], pool.labels, pool.parts, pool.ids, seed).database
    elif part:
        rows = np.flatnonzero(pool.parts == part)
    origin = Origin(images, [], pixels=pool.pixels)
    for row in rows.tolist():
        labels = [pool.class_names[l] for l in np.flatnonzero(pool.labels[row])]
        metadata = {
            "label": " ".join(labels),
            FROM: origin.tag(),
            STAMP: digest(pool.pixels[row].tobytes()),
        }
        origin.entries.append(Entry(f"{name}/{pool.ids[row]}", metadata, row))
    return origin
