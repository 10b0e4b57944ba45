"""Decodes many picture files in worker processes; for a damaged one, returns the reason."""

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np

from jaxhash.data import worker_processes
from jaxhash.data.images import decoder
from jaxhash.errors import UserError

CHUNK = 16  # files that a worker decodes at a time
AHEAD = 4  # chunks queued for each worker, which bounds the memory
MAX_WORKERS = 16
FEW = 64  # for fewer files, starting processes takes longer than decoding


def decode_file(path: Path, size: int, channels: int) -> np.ndarray | str:
    """Decodes a picture to uint8 [size size channels], or returns the reason why it cannot."""
    try:
        return decoder.decode(path, (size, size, channels))
    except decoder.Unreadable as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__


def decode_files(
    paths: Sequence[Path], size: int, channels: int, workers: int
) -> Iterator[np.ndarray | str]:
    """Decodes pictures, keeping their order.

    Args:
      paths: of the files.
      size, channels: of the result.
      workers: processes; 0 takes one for each processor, at most 16.

    Yields:
      uint8 [size size channels], or the reason why there is none, for each path.

    Raises:
      UserError: a worker was killed.
    """
    work = partial(_decode, size=size, channels=channels)
    if len(paths) < FEW:
        yield from work(paths)
        return
    workers = workers or min(os.cpu_count() or 1, MAX_WORKERS)
    # JAX has threads, so these processes are spawned instead of forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, worker_processes.start) as pool:
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


def _decode(paths: Iterable[Path], size: int, channels: int) -> list[np.ndarray | str]:
    return [decode_file(path, size, channels) for path in paths]


def _batched(things: Sequence, size: int) -> Iterator[Sequence]:
    return (things[start : start + size] for start in range(0, len(things), size))
