"""The order of training images: a function of the seed and the step.

A run therefore resumes at any step without a saved position.
"""

import functools
from collections.abc import Callable

import numpy as np

from jaxhash.errors import UserError, nearest

ORDERS = ("shuffled", "class_balanced", "sampled")
SAMPLE, PASSES = 2_000, 3  # of ADSH's paper
Order = Callable[[int], np.ndarray]


def epoch(name: str, size: int, batch_size: int) -> int:
    """Counts the steps of an epoch of an order, see `build`, of `size` training images.

    >>> epoch("shuffled", 5_000, 64), epoch("sampled", 5_000, 64)
    (78, 93)
    """
    if name == "sampled":
        return PASSES * (min(SAMPLE, size) // batch_size)
    return size // batch_size


def build(name: str, seed: int, labels: np.ndarray, batch_size: int) -> Order:
    """Returns the function from a step (from 0) to the positions of its images, [batch_size] int32.

    Args:
      name: `"shuffled"`, `"class_balanced"` or `"sampled"`, see the functions of these names.
      seed: of the run.
      labels: [n l] 0 or 1, of the training images.
      batch_size: of the global batch.

    Raises:
      UserError: an unknown name, or a batch that cannot be filled.

    >>> order = build("shuffled", 7, np.eye(4), batch_size=2)
    >>> sorted(int(i) for step in (0, 1) for i in order(step))
    [0, 1, 2, 3]
    """
    if name not in ORDERS:
        raise UserError(f"unknown train.order {name!r}: {nearest(name, ORDERS)}")
    if len(labels) < batch_size:
        raise UserError(
            f"train.batch_size={batch_size}: the protocol has only {len(labels)} training images"
        )
    if name == "shuffled":
        return lambda step: shuffled(seed, step, len(labels), batch_size)
    if name == "sampled":
        if batch_size > SAMPLE:
            raise UserError(
                f"train.batch_size={batch_size}: train.order=sampled has {SAMPLE:,} images an epoch"
            )
        return lambda step: sampled(seed, step, len(labels), batch_size)
    if (labels.sum(axis=1) != 1).any():
        raise UserError(
            "train.order=class_balanced needs exactly one label an image; use train.order=shuffled"
        )
    members = tuple(np.flatnonzero(column) for column in labels.T if column.any())
    if batch_size < 2 * len(members):
        raise UserError(
            f"train.batch_size={batch_size}: class-balanced batches of {len(members)} classes need "
            f"at least {2 * len(members)} images"
        )
    return lambda step: class_balanced(seed, step, members, batch_size)


def shuffled(seed: int, step: int, size: int, batch_size: int) -> np.ndarray:
    """Returns the images of one step: each epoch is a new permutation, cut into whole batches.

    The permutation is drawn from the seed and the epoch's number; the remainder that fills no
    batch differs between epochs.

    >>> shuffled(7, step=0, size=4, batch_size=2).shape
    (2,)
    """
    epoch, position = divmod(step, size // batch_size)
    start = position * batch_size
    return _permutation(seed, epoch, size)[start : start + batch_size].astype(np.int32)


def sampled(seed: int, step: int, size: int, batch_size: int) -> np.ndarray:
    """Returns the images of one step: each epoch passes three times over 2,000 images.

    ADSH (Jiang and Li, AAAI 2018, section 4.1) samples 2,000 of all images, trains on these for
    three passes, and then learns the codes. Each pass is another permutation of the sample.

    >>> sorted(sampled(7, 0, 4, 2)) == sorted(sampled(7, 1, 4, 2))
    False
    """
    number, position = divmod(step, epoch("sampled", size, batch_size))
    count = min(SAMPLE, size)
    turn, place = divmod(position, count // batch_size)
    sample = _permutation(seed, number, size)[:count]
    order = np.random.RandomState([seed, number, turn]).permutation(count)
    return sample[order[place * batch_size : (place + 1) * batch_size]].astype(np.int32)


def class_balanced(
    seed: int, step: int, members: tuple[np.ndarray, ...], batch_size: int
) -> np.ndarray:
    """Returns the images of one step, classes taking turns.

    DAH (section III-C) has batches of twice the number of classes, so that they contain nearly
    every pair of classes; here each class has batch_size / classes images in a batch, rounded up or
    down where it does not divide. Each epoch permutes every class anew; a smaller class is repeated
    within the epoch.

    Args:
      seed: of the run.
      step: from 0; an epoch has as many steps as with `shuffled`.
      members: of each class that is trained on, its positions among the training images.
      batch_size: of the global batch.

    >>> members = (np.array([0, 1]), np.array([2, 3]))
    >>> batch = class_balanced(7, step=0, members=members, batch_size=2)
    >>> [int(i) // 2 for i in batch]
    [0, 1]
    """
    size = sum(map(len, members))
    epoch, position = divmod(step, size // batch_size)
    place, turn = np.divmod(
        np.arange(position * batch_size, (position + 1) * batch_size), len(members)
    )
    order = _permutation(seed, epoch, size)
    batch = np.zeros(batch_size, np.int32)
    for number, positions in enumerate(members):
        # A permutation of all images orders those of one class.
        own = positions[np.argsort(order[positions])]
        batch[turn == number] = own[place[turn == number] % len(own)]
    return batch


@functools.lru_cache(maxsize=1)  # the same one for every step of an epoch
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.RandomState([seed, epoch]).permutation(size)
