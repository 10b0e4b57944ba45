"""mAP of queries of classes that were trained on, and of classes that were not."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.hamming import Coded

MEASURES = ("seen@seen", "seen@all", "unseen@unseen", "unseen@all")
Images = TypeVar("Images", bound=NamedTuple)


def by_kind(
    queries: Coded, database: Coded, bits: int, unseen: Sequence[int], map_at: int | None = None
) -> dict[str, float]:
    """Computes mAP of the queries of either kind, in the database of their kind and in the whole.

    The four measures are those of github.com/aassxun/DSH_Analysis, an empirical study of training
    paradigms for deep supervised hashing. An image is of an unseen class if it has a label of one.

    Args:
      queries, database: codes and labels.
      bits: k.
      unseen: columns of the labels of the classes that were not trained on.
      map_at: k of mAP@k, which is divided by min(k, relevant items); None ranks the whole database.

    Returns:
      `"seen@seen"`: queries of seen classes in the database images of seen classes; `"seen@all"`:
      the same in the whole database; `"unseen@unseen"` and `"unseen@all"` likewise.

    Raises:
      UserError: invalid codes, labels, `bits` or `map_at`.

    >>> codes = Coded(np.array([[0], [255]], np.uint8), np.eye(2, dtype=np.uint8))
    >>> by_kind(codes, codes, bits=8, unseen=[1])["unseen@all"]
    1.0
    """
    average = partial(mean_average_precision, bits=bits, map_at=map_at)
    return of_kinds(queries, database, unseen, average)


def of_kinds(
    queries: Images,
    database: Images,
    unseen: Sequence[int],
    average: Callable[[Images, Images], float],
) -> dict[str, float]:
    """Computes the four measures of `by_kind` by another mean average precision.

    Args:
      queries, database: arrays of n rows each, of which `labels` [n l] are the labels.
      unseen: see `by_kind`.
      average: (queries, database) -> mean average precision.

    >>> images = Coded(np.array([[0], [255]], np.uint8), np.eye(2, dtype=np.uint8))
    >>> of_kinds(images, images, [1], lambda queries, database: len(database.codes))["seen@all"]
    2
    """
    found = {}
    for kind, wanted in (("seen", False), ("unseen", True)):
        asked = _of_kind(queries, unseen, wanted)
        found[f"{kind}@{kind}"] = average(asked, _of_kind(database, unseen, wanted))
        found[f"{kind}@all"] = average(asked, database)
    return found


def _of_kind(images: Images, unseen: Sequence[int], wanted: bool) -> Images:
    labels = np.asarray(images.labels)  # type: ignore[attr-defined]
    chosen = (labels[:, list(unseen)] > 0).any(axis=1) == wanted
    return type(images)(*(np.asarray(part)[chosen] for part in images))
