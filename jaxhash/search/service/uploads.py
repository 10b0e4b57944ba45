"""Pictures that come over HTTP: how large they may be, and the status of one that is refused."""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from jaxhash.data.images import decoder

MAX_BYTES = 20 * 1024 * 1024
STATUS = {decoder.UnknownFormat: 415, decoder.TooLarge: 413, decoder.Damaged: 400}


class Refused(Exception):
    """A picture that is refused; the message is one line for the person who sent it.

    status: of the HTTP response.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def read(file: BinaryIO, max_pixels: int = decoder.MAX_PIXELS) -> Image.Image:
    """Decodes an upload, see `jaxhash.data.images.decoder.read`.

    Args:
      file: open for reading, with `seek`.
      max_pixels: width times height.

    Raises:
      Refused: it is no picture (415), too large (413), or empty or damaged (400).
    """
    with _refused():
        return decoder.read(file, max_pixels)


def decode(
    file: BinaryIO, shape: tuple[int, int, int], max_pixels: int = decoder.MAX_PIXELS
) -> np.ndarray:
    """Decodes an upload to what the network reads, see `jaxhash.data.images.decoder.decode`.

    Args:
      file, max_pixels: see `read`.
      shape: (h, w, c).

    Raises:
      Refused: see `read`.
    """
    with _refused():
        return decoder.decode(file, shape, max_pixels)


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except decoder.Unreadable as error:
        raise Refused(STATUS[type(error)], str(error)) from None
