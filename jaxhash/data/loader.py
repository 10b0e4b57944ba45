"""Images of each step: from memory, or read from disk and decoded ahead of use, by grain.

The images of a step are a function of the step alone (`jaxhash.data.sampler`), and grain iterates
over a range of steps. A stream can therefore start at any step, and a resumed run needs no saved
state of an iterator.
"""

import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from jaxhash.data import worker_processes
from jaxhash.data.images.stored import StoredImages
from jaxhash.errors import UserError

CHUNK = 500  # images that a thread decodes at a time, where all are read
AHEAD = 2  # steps that each worker keeps ready
Pixels = np.ndarray | StoredImages


class Array(Protocol):
    """What is indexed by [b] positions like an array, and then in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> np.ndarray: ...


class Rows:
    """Some rows of an array, which are read where they are indexed.

    >>> rows = Rows(np.arange(6.0).reshape(3, 2), np.array([2, 0]))
    >>> rows[np.array([0])], len(rows), rows.shape
    (array([[4., 5.]]), 2, (2, 2))
    """

    def __init__(self, values: np.ndarray, rows: np.ndarray):
        """Takes rows [m] of values [n ...]."""
        self._values, self._rows = values, rows
        self.shape = (len(rows), *values.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._values[self._rows[index]]


def select(pixels: Pixels, positions: np.ndarray) -> StoredImages | Rows:
    """Returns the images, or features, at `positions` [b], which are not read yet."""
    if isinstance(pixels, StoredImages):
        return pixels.select(positions)
    return Rows(pixels, positions)


def read(
    pixels: Array, index: Callable[[int], np.ndarray | slice], steps: range, workers: int = 0
) -> Generator[np.ndarray, None, None]:
    """Yields the images of each step.

    Args:
      pixels: uint8 [n h w c], in memory or stored; or features [n ...].
      index: (step) -> which images, [b] or a slice; sent to other processes where there are any.
      steps: to go through.
      workers: processes that decode stored images; 0: threads of this one.

    Yields:
      uint8 [b h w c].

    >>> [int(images[0, 0, 0, 0]) for images in read(
    ...     np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1), lambda step: [2 - step], range(1, 3)
    ... )]
    [1, 0]
    """
    if not isinstance(pixels, StoredImages):
        for step in steps:
            yield pixels[index(step)]
        return
    import grain  # noqa: PLC0415  slow, and not needed for images in memory
    from absl import flags  # noqa: PLC0415

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain reads flags of absl, also where no main parsed any
    threads = 1 if workers else _threads()
    dataset = (
        grain.MapDataset.range(steps.start, steps.stop)
        .map(partial(_images, pixels, index))
        .to_iter_dataset(grain.ReadOptions(threads, prefetch_buffer_size=max(threads, AHEAD)))
        .mp_prefetch(
            grain.MultiprocessingOptions(workers, per_worker_buffer_size=AHEAD),
            worker_init_fn=_start_worker,
        )
    )
    iterator = iter(dataset)
    try:
        for images in iterator:
            if isinstance(images, str):
                raise UserError(images)
            yield images
    finally:
        iterator.close()


def take(pixels: Pixels, positions: np.ndarray, title: str | None = "decode") -> np.ndarray:
    """Returns the images at positions [b] as an array in memory, [b h w c].

    `title` is that of a progress bar; None shows none.

    >>> take(np.zeros((3, 2, 2, 1), np.uint8), np.array([2, 0])).shape
    (2, 2, 2, 1)
    """
    if isinstance(pixels, np.ndarray):
        return pixels[positions]
    images = np.empty((len(positions), *pixels.shape[1:]), np.uint8)

    def decode(start: int) -> None:
        part = slice(start, start + CHUNK)
        images[part] = pixels[positions[part]]

    starts = range(0, len(positions), CHUNK)
    with ThreadPoolExecutor(_threads()) as threads:  # decoding releases Python's lock
        done = threads.map(decode, starts)
        for _ in tqdm(done, title, total=len(starts), leave=False, disable=None if title else True):
            pass
    return images


def _threads() -> int:
    return min(os.cpu_count() or 1, 16)


def _images(pixels: StoredImages, index: Callable, step: int) -> np.ndarray | str:
    try:
        return pixels[index(int(step))]
    except UserError as error:
        return str(error)  # grain would raise another exception in the parent process


def _start_worker(worker: int, count: int) -> None:
    del worker, count
    worker_processes.start()
