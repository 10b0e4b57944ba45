"""mAP of images that were held out of training, each searched among the others."""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.hamming import Coded

FOLDS = 10


def among_each_other(images: Coded, bits: int, map_at: int | None = None) -> float:
    """Searches each image among those of the other nine tenths, and averages.

    As a protocol measures whose database was not trained on. Among training images, a network that
    knows these by heart would do better than among others.

    Args:
      images: codes and labels of n images, in an order that does not depend on their labels.
      bits: k.
      map_at: k of mAP@k; None ranks all.

    Returns:
      mean average precision, in [0, 1].

    Raises:
      UserError: fewer than two images, or invalid codes, labels, `bits` or `map_at`.

    >>> codes = Coded(np.array([[0], [0], [255], [255]], np.uint8), np.eye(2, dtype=np.uint8)[[0, 0, 1, 1]])
    >>> among_each_other(codes, bits=8)
    1.0
    """  # noqa: E501
    count = len(images.codes)
    if count < 2:
        raise UserError(f"images: {count}; expected at least two, to search one among the others")
    fold = np.arange(count) % min(FOLDS, count)
    summed = 0.0
    for number in range(fold.max() + 1):
        own = fold == number
        asked, searched = (
            Coded(np.asarray(images.codes)[chosen], np.asarray(images.labels)[chosen])
            for chosen in (own, ~own)
        )
        summed += own.sum() * mean_average_precision(asked, searched, bits, map_at)
    return float(summed / count)
