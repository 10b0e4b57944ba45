"""Images as they lie in array_record files, decoded when they are asked for."""

import copy
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxhash.errors import UserError, first_line

MODES = {1: "L", 3: "RGB"}
# Their names and labels are read without decoding a pixel.
AS_BYTES = {"image": tfds.decode.SkipDecoding()}


class StoredImages:
    """An array uint8 [n h w c] on disk: has a shape and a length, and is indexed like an array.

    What an index returns is a NumPy array. It can be pickled and sent to another process.

    Attributes:
      shape: (n, h, w, c).
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, folder: str, sources: Sequence[Any], shape: tuple[int, int, int]):
        """Takes array_record data sources with undecoded images, and the shape to decode to."""
        self._folder, self._sources = folder, tuple(sources)
        self._starts = np.cumsum([0, *(len(source) for source in sources)])
        self._rows = np.arange(self._starts[-1])
        self.shape = (len(self._rows), *shape)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """How many bytes it has when all of it is decoded."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, index: Any) -> np.ndarray:
        """Decodes images: a slice, or an array of numbers of any shape [...] to [... h w c]."""
        rows = self._rows[index]
        images = np.empty((rows.size, *self.shape[1:]), np.uint8)
        which = np.searchsorted(self._starts, rows.reshape(-1), side="right") - 1
        for number, source in enumerate(self._sources):
            places = np.flatnonzero(which == number)
            wanted = rows.reshape(-1)[places] - self._starts[number]
            try:
                examples = source.__getitems__(wanted.tolist())
                for place, example in zip(places, examples, strict=True):
                    images[place] = decode(example["image"], self.shape[1:])
            except Exception as error:
                raise damaged(self._folder, error) from error
        return images.reshape(*rows.shape, *self.shape[1:])

    def select(self, positions: np.ndarray) -> "StoredImages":
        """Returns some of the images [b], still stored."""
        selected = copy.copy(self)
        selected._rows = self._rows[positions]
        selected.shape = (len(selected._rows), *self.shape[1:])
        return selected


def decode(content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Decodes a picture file to uint8 [h w c]; one of another size is resized, bilinearly.

    Smoothed where it shrinks (as PIL does), and without regard for its proportions.

    >>> png = io.BytesIO()
    >>> Image.new("L", (4, 2), 7).save(png, "PNG")
    >>> decode(png.getvalue(), (1, 1, 3))
    array([[[7, 7, 7]]], dtype=uint8)
    """
    height, width, channels = shape
    with Image.open(io.BytesIO(content)) as image:
        if image.mode != MODES[channels]:
            image = image.convert(MODES[channels])
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(shape)


def damaged(folder: str, error: Exception) -> UserError:
    """Says in one line that prepared data cannot be read, and why."""
    reason = first_line(error)
    return UserError(
        f"{folder}: damaged, or not in array_record form ({reason}); delete it and prepare "
        "the data set again"
    )
