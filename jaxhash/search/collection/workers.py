"""Many picture files, decoded in worker processes; what is damaged is told, not raised."""

import itertools
import multiprocessing
import os
import signal
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np

from jaxhash.errors import UserError
from jaxhash.search.service import uploads

CHUNK = 16  # files a worker takes at a time
AHEAD = 4  # chunks a worker that wait or are decoded, so that memory stays bounded
MAX_PIXELS = 150_000_000
FEW = 64  # files that are not worth the start of processes


def decode_file(path: Path, size: int, channels: int) -> np.ndarray | str:
    """Decodes a picture to what a network reads: uint8 [size size channels], or why it cannot."""
    try:
        with path.open("rb") as file:
            return uploads.prepare(uploads.read(file, MAX_PIXELS), size, channels)
    except uploads.Refused as refused:
        return str(refused)
    except OSError as error:
        return error.strerror or type(error).__name__


def decode_files(
    paths: Sequence[Path], size: int, channels: int, workers: int
) -> Iterator[np.ndarray | str]:
    """Decodes pictures in their order.

    Args:
      paths: of the files.
      size, channels: of what is made of each.
      workers: processes; 0 takes one a processor, at most 16.

    Yields:
      uint8 [size size channels], or why there is none, for each path.

    Raises:
      UserError: a worker was killed.
    """
    work = partial(_decode, size=size, channels=channels)
    if len(paths) < FEW:
        yield from work(paths)
        return
    workers = workers or min(os.cpu_count() or 1, 16)
    # JAX has threads, so these processes start afresh instead of being forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start) as pool:
        try:
            chunks = map(list, _batched(paths, CHUNK))
            waiting = deque(
                pool.submit(work, chunk) for chunk in itertools.islice(chunks, workers * AHEAD)
            )
            while waiting:
                decoded = waiting.popleft().result()
                waiting.extend(pool.submit(work, chunk) for chunk in itertools.islice(chunks, 1))
                yield from decoded
        except BrokenProcessPool:
            raise UserError(
                "a process that decodes pictures was killed, perhaps for want of memory; what was "
                "stored stays: start again, with fewer --workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that stores


def _decode(paths: Iterable[Path], size: int, channels: int) -> list[np.ndarray | str]:
    with warnings.catch_warnings():  # Pillow's, of odd files that can be read all the same
        warnings.simplefilter("ignore")
        return [decode_file(path, size, channels) for path in paths]


def _batched(things: Sequence, size: int) -> Iterator[Sequence]:
    return (things[start : start + size] for start in range(0, len(things), size))
