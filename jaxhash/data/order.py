"""The order of training: which image comes at which step, a function of the seed alone."""

import functools

import numpy as np


def batch(seed: int, step: int, size: int, batch_size: int) -> np.ndarray:
    """Names the images of one step.

    Each epoch is a fresh permutation of the training set, drawn from the seed and the epoch's
    number, and cut into whole batches; the few images that are left over differ each time. Nothing
    but the step is needed to go on from any point.

    Args:
      seed: of the run.
      step: from 0.
      size: images in the training set, at least `batch_size`.
      batch_size: of the global batch.

    Returns:
      [batch_size] int32 positions in the training set.

    >>> sorted(int(i) for step in (0, 1) for i in batch(7, step, size=4, batch_size=2))
    [0, 1, 2, 3]
    """
    epoch, position = divmod(step, size // batch_size)
    start = position * batch_size
    return _permutation(seed, epoch, size)[start : start + batch_size].astype(np.int32)


@functools.lru_cache(maxsize=1)  # every step of an epoch asks for the same one
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.RandomState([seed, epoch]).permutation(size)
