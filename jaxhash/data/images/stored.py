"""Images in array_record files, decoded when they are read."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxhash.data.images.decoder import decode
from jaxhash.data.locks import Held
from jaxhash.errors import UserError, first_line

# Ids and labels are read without decoding a pixel.
AS_BYTES = {"image": tfds.decode.SkipDecoding()}


class StoredImages:
    """An array uint8 [n h w c] on disk, with a shape and a length, indexed like a NumPy array.

    Indexing decodes, and returns a NumPy array. The object can be pickled, for worker processes.

    Attributes:
      shape: (n, h, w, c).
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        folder: str,
        sources: Sequence[Any],
        shape: tuple[int, int, int],
        held: Held | None = None,
    ):
        """Takes array_record data sources with undecoded images, and the shape to decode to.

        `held` is a lock that keeps them from being deleted as long as this process uses them.
        """
        self._held = held
        self._folder, self._sources = folder, tuple(sources)
        self._starts = np.cumsum([0, *(len(source) for source in sources)])
        self._rows = np.arange(self._starts[-1])
        self.shape = (len(self._rows), *shape)

    def __getstate__(self) -> dict:
        # A worker process reads while the process that started it holds the lock.
        return {**self.__dict__, "_held": None}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all images, decoded."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, index: Any) -> np.ndarray:
        """Decodes images: a slice, or an integer array of shape [...], to uint8 [... h w c].

        Raises:
          UserError: a record cannot be read, or its image not decoded.
        """
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
        """Returns the images at `positions` [b], without decoding them."""
        selected = copy.copy(self)
        selected._held = self._held
        selected._rows = self._rows[positions]
        selected.shape = (len(selected._rows), *self.shape[1:])
        return selected


def damaged(folder: str, error: Exception) -> UserError:
    """Says in one line that prepared data cannot be read, and why."""
    reason = first_line(error)
    return UserError(
        f"{folder}: damaged, or not in array_record form ({reason}); delete it and prepare "
        "the data set again"
    )
