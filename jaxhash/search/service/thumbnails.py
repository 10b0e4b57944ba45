"""The pictures of an index, by id: those of a folder, and those added through the service."""

import contextlib
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from jaxhash.data.images import decoder

SMALL = 128  # pixels; a picture no larger is sent as PNG, without loss
KEPT_SIDE = 2048  # pixels; an added picture is reduced to this


class Pictures:
    """Finds the picture of an item.

    Ids are names, not paths. The picture of an item is the file of that name in the folder that was
    indexed, provided that it lies there: neither `..`, nor an absolute path, nor a symbolic link
    leads out of it. An added picture is kept in a file named by the hash of its id.
    """

    def __init__(
        self, added: Path, root: Path | None = None, pixels: Mapping[str, np.ndarray] | None = None
    ):
        """Names the folders; `added` is created when it is first needed.

        Args:
          added: where pictures added through the service are kept.
          root: the folder that was indexed, if there is one.
          pixels: of a data set that was indexed instead: uint8 [h w c] by id.
        """
        self._pixels = {} if pixels is None else pixels
        self._added = added
        self._root = None if root is None else root.expanduser().resolve()

    def read(self, id: str) -> Image.Image | None:
        """Decodes the picture of an item; None where there is none that can be read."""
        for path in (self._kept(id), self._indexed(id)):
            if path is not None:
                with contextlib.suppress(OSError, decoder.Unreadable):
                    return decoder.read(path)
        pixels = self._pixels.get(id)
        return None if pixels is None else Image.fromarray(pixels.squeeze())

    def thumbnail(self, id: str, side: int) -> tuple[bytes, str] | None:
        """Reduces the picture of an item to at most `side` pixels in width and height.

        Returns:
          the encoded file and its media type; None where there is no picture.
        """
        image = self.read(id)
        if image is None:
            return None
        image.thumbnail((side, side))
        return encoded(image)

    def add(self, id: str, image: Image.Image) -> None:
        """Keeps a picture, reduced to 2048 pixels; encoded again, without metadata."""
        self._added.mkdir(parents=True, exist_ok=True)
        image = image.copy()
        image.thumbnail((KEPT_SIDE, KEPT_SIDE))
        path = self._kept(id)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(encoded(image)[0])
        os.replace(unfinished, path)

    def delete(self, id: str) -> None:
        """Deletes an added picture; files of the indexed folder are never deleted."""
        self._kept(id).unlink(missing_ok=True)

    def _kept(self, id: str) -> Path:
        return self._added / f"{hashlib.sha256(id.encode()).hexdigest()}.picture"

    def _indexed(self, id: str) -> Path | None:
        if self._root is None:
            return None
        try:
            path = (self._root / id).resolve()
            return path if path.is_relative_to(self._root) and path.is_file() else None
        except (OSError, ValueError, RuntimeError):  # too long, a null byte, a loop of links
            return None


def encoded(image: Image.Image) -> tuple[bytes, str]:
    """Encodes a picture for a browser: small or transparent ones as PNG, others as JPEG.

    Returns:
      the content of the file, and its media type.

    >>> encoded(Image.new("RGB", (2, 2)))[1]
    'image/png'
    """
    buffer = io.BytesIO()
    if image.mode == "RGBA" or max(image.size) <= SMALL:
        image.save(buffer, "PNG")
        return buffer.getvalue(), "image/png"
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/jpeg"
