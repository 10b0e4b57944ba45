"""The images of one folder, table or data set, as they are to be indexed."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jaxhash.data.images import decoder
from jaxhash.data.loader import Pixels
from jaxhash.errors import UserError
from jaxhash.search.collection.parts import WHOLE, Part
from jaxhash.search.collection.workers import decode_files
from jaxhash.search.index.interface import OWN

BLOCK = 256  # images of a data set that are decoded at a time
STAMP = OWN + "stamp"  # metadata: the version of an item's file


class Entry(NamedTuple):
    """An image that is to be in the index.

    path: its place in the collection. metadata: the user's, with STAMP. file: its file, or its row
    in the data set.
    """

    path: str
    metadata: dict[str, str]
    file: Any


class Origin(NamedTuple):
    """The images of one folder, table or data set.

    place: of them, see `catalog.Collection`. entries: its images. pixels: uint8 [n h w c] of a data
    set. others: files that are no pictures. system: files in folders of the system, such as
    thumbnails. excluded: pictures that the user left out; all three by name. unlisted: (name,
    reason) of folders that cannot be listed. empty: folders that hold no file at all, which may be
    disks that are not mounted; what lies below both kinds is unknown. part: the paths that
    `entries` is restricted to; of others nothing is known.
    """

    place: str
    entries: list[Entry]
    pixels: Pixels | None = None
    others: Sequence[str] = ()
    system: Sequence[str] = ()
    excluded: Sequence[str] = ()
    unlisted: Sequence[tuple[str, str]] = ()
    empty: Sequence[str] = ()
    part: Part = WHOLE

    def restricted(self, part: Part) -> "Origin":
        """Leaves out what belongs to other parts."""
        own = [entry for entry in self.entries if part.has(entry.path)]
        return self._replace(entries=own, part=part)

    def is_unlisted(self, path: str) -> bool:
        """Says whether a path lies below a folder that cannot be listed."""
        return path.startswith(tuple(f"{name}/" for name, _ in self.unlisted))

    def is_empty(self, path: str) -> bool:
        """Says whether a path lies below a folder that is there, and holds no file."""
        return path.startswith(tuple(f"{name}/" for name in self.empty))

    def read(
        self, entries: Sequence[Entry], size: int, channels: int, workers: int
    ) -> Iterator[np.ndarray | str]:
        """Decodes images.

        Yields:
          for each entry, uint8 [size size channels], or the reason why it cannot be read.

        Raises:
          UserError: the data set has images of another number of channels.
        """
        pixels = self.pixels
        if pixels is None:
            return decode_files([entry.file for entry in entries], size, channels, workers)
        if pixels.shape[-1] != channels:
            raise UserError(
                f"{self.place} has images of {pixels.shape[-1]} channels, the network reads "
                f"{channels}"
            )
        return _stored(pixels, [entry.file for entry in entries], size)


def _stored(pixels: Pixels, rows: Sequence[int], size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        for image in pixels[np.array(rows[start : start + BLOCK])]:
            yield _resized(image, size)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes uint8 [h w c] as pictures in files are, so that both have the same code."""
    if image.shape[:2] == (size, size):
        return image
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    return decoder.to_array(picture, (size, size, image.shape[-1]))


def digest(content: bytes) -> str:
    """Returns a short name of some content, the same for the same.

    >>> digest(b"")
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(content).hexdigest()[:16]
