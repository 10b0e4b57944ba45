"""Prepared TFDS data sets as collections: tfds:NAME/SPLIT."""

import threading
from collections.abc import Iterator, Mapping

import numpy as np
from tqdm import tqdm

from jaxhash.data import datasets, protocols
from jaxhash.errors import UserError
from jaxhash.search.collection.catalog import PREPARED
from jaxhash.search.collection.origin import STAMP, Entry, Origin, digest

RESIDENT_BYTES = 2**30  # larger data sets are read from the disk as they are needed
BLOCK = 256  # images that are decoded at a time


class PreparedPixels(Mapping[str, np.ndarray]):
    """The images of a prepared data set by their ids; a lookup decodes."""

    def __init__(self, place: str, data_dir: str | None):
        """Opens the data set that `place` names, as tfds:NAME/...

        Raises:
          UserError: it is not prepared, or damaged.
        """
        name = place.removeprefix(PREPARED).partition("/")[0]
        pool = datasets.load(name, data_dir, resident_bytes=0)
        self._pixels = pool.pixels
        self._rows = {str(id): row for row, id in enumerate(pool.ids.tolist())}
        self._lock = threading.Lock()

    def __getitem__(self, id: str) -> np.ndarray:
        row = self._rows[id]
        with self._lock:
            return self._pixels[row : row + 1][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def find(place: str, data_dir: str | None, seed: int, side: int = 224) -> Origin:
    """Lists the images of a prepared data set, of one of its splits, or of a protocol's database.

    Args:
      place: tfds:NAME, tfds:NAME/SPLIT or tfds:NAME/PROTOCOL.
      data_dir: folder of TFDS data sets.
      seed: of the protocol's split.
      side: height and width in pixels of images that differ in size.

    Raises:
      UserError: there is no such data set, split or protocol, or it is damaged.
    """
    name, _, part = place.removeprefix(PREPARED).partition("/")
    pool = datasets.load(name, data_dir, side, resident_bytes=RESIDENT_BYTES)
    rules = datasets.describe(name).protocols
    known = [*np.unique(pool.parts).tolist(), *rules]
    if part and part not in known:
        raise UserError(
            f"--images={place}: {name} has no split or protocol {part}; known: {', '.join(known)}"
        )
    rows = np.arange(len(pool.ids))
    if part in rules:
        rows = protocols.split(rules[part], pool.labels, pool.parts, pool.ids, seed).database
    elif part:
        rows = np.flatnonzero(pool.parts == part)
    entries = []
    with tqdm(total=len(rows), desc=f"read {place}", unit=" images", disable=None) as bar:
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            for row, image in zip(block.tolist(), pool.pixels[block], strict=True):
                labels = [pool.class_names[label] for label in np.flatnonzero(pool.labels[row])]
                metadata = {"label": " ".join(labels), STAMP: digest(image.tobytes())}
                entries.append(Entry(str(pool.ids[row]), metadata, row))
            bar.update(len(block))
    return Origin(place, entries, pixels=pool.pixels)
