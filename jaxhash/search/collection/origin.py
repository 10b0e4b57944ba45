"""The images of one folder, table or data set, as they are to be indexed."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxhash.data.loader import Pixels
from jaxhash.errors import UserError
from jaxhash.search.collection.workers import decode_files
from jaxhash.search.index.interface import OWN

FROM, STAMP = OWN + "from", OWN + "stamp"  # metadata: an item's origin, and its file's version


class Entry(NamedTuple):
    """An image that is to be in the index.

    id: of its item. metadata: the user's, with FROM and STAMP. place: the path of its file, or its
    row in the data set.
    """

    id: str
    metadata: dict[str, str]
    place: Any


class Origin(NamedTuple):
    """The images of one folder, table or data set.

    name: of that place. entries: its images. root: the folder that ids are relative to, if they are
    paths. pixels: uint8 [n h w c] of a data set. others: files that are no pictures, by name.
    unlisted: (name, reason) of folders that cannot be listed; what lies below them is unknown.
    """

    name: str
    entries: list[Entry]
    root: Path | None = None
    pixels: Pixels | None = None
    others: Sequence[str] = ()
    unlisted: Sequence[tuple[str, str]] = ()

    def tag(self) -> str:
        """Returns the value of FROM for these images: a digest, which discloses no paths."""
        return digest(os.fsencode(self.name))

    def is_below_unlisted(self, id: str) -> bool:
        """Says whether an id is that of a file below a folder that cannot be listed."""
        return id.startswith(tuple(f"{name}/" for name, _ in self.unlisted))

    def read(
        self, entries: Sequence[Entry], size: int, channels: int, workers: int
    ) -> Iterator[np.ndarray | str]:
        """Decodes images.

        Yields:
          for each entry, uint8 [size size channels] of a file or [h w channels] of a data set, or
          the reason why it cannot be read.

        Raises:
          UserError: the data set has images of another number of channels.
        """
        pixels = self.pixels
        if pixels is None:
            return decode_files([entry.place for entry in entries], size, channels, workers)
        if pixels.shape[-1] != channels:
            raise UserError(
                f"{self.name} has images of {pixels.shape[-1]} channels, the network reads "
                f"{channels}"
            )
        return (pixels[entry.place] for entry in entries)


def digest(content: bytes) -> str:
    """Returns a short name of some content, the same for the same.

    >>> digest(b"")
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(content).hexdigest()[:16]
