"""Checks of the arguments of `jaxhash.metrics`: shapes, types and ranges, each by name.

Wrong input would often give a plausible number: labels of -1 and +1 a mean average precision of 1,
class numbers instead of 0 and 1 one that is slightly off. Every public function of this package
therefore checks its arguments with these before it computes. Each check returns the argument as an
array or number, or raises `UserError` in one line that names the argument.
"""

from typing import Any

import numpy as np

from jaxhash.errors import UserError

PACKED = "packed codes, uint8 [n ceil(bits/8)], as np.packbits(codes > 0, axis=1) makes them"
LABELS = "labels [n l] of 0 and 1, a column for each class"
SHOWN = 60  # letters of a value in a message


def whole(name: str, value: Any, expected: str, least: int = 1) -> int:
    """Returns a whole number; raises UserError for another type, or a number below `least`.

    >>> whole("radius", np.int64(2), "a Hamming radius from 0", least=0)
    2
    """
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not number or value < least:
        raise UserError(f"{name}={_shown(value)}: expected {expected}")
    return int(value)


def bits(value: Any, name: str = "bits") -> int:
    """Returns k, the length of the codes; raises UserError unless it is a whole number from 1.

    >>> bits(np.int64(48))
    48
    """
    return whole(name, value, "the length of the codes, a whole number from 1")


def depth(name: str, value: Any) -> int | None:
    """Returns k of a metric at k; raises UserError unless it is None or a whole number from 1.

    >>> depth("map_at", 1000), depth("map_at", None)
    (1000, None)
    """
    if value is None:
        return None
    return whole(name, value, "None for all items, or a number of items from 1")


def array(
    name: str, value: Any, expected: str, kinds: str, dimensions: int | tuple[int, ...]
) -> np.ndarray:
    """Returns an array; raises UserError for another kind of dtype or number of dimensions.

    Args:
      name: of the argument, for messages.
      value: the argument.
      expected: for messages.
      kinds: letters of `np.dtype.kind`, such as "biu" for booleans and whole numbers.
      dimensions: of the array; several where it may have any of them.

    >>> array("values", [0.5, 1], "numbers [q]", "biuf", 1)
    array([0.5, 1. ])
    """
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):  # such as rows of different lengths
        raise UserError(f"{name}={_shown(value)}: no array; expected {expected}") from None
    allowed = (dimensions,) if isinstance(dimensions, int) else dimensions
    if found.dtype.kind not in kinds or found.ndim not in allowed:
        raise UserError(f"{name}: {found.dtype} {list(found.shape)}; expected {expected}")
    return found


def codes(name: str, value: Any, length: int | None = None, *, empty: bool = False) -> np.ndarray:
    """Returns packed codes, uint8 [n bytes].

    Args:
      name: of the argument, for messages.
      value: the codes.
      length: k, where it is known: the codes must have ceil(k/8) bytes, and 0 in the bits that fill
        up the last one.
      empty: whether n may be 0.

    Raises:
      UserError: another type or shape, or set bits beyond k.

    >>> codes("queries", np.zeros((2, 2), np.uint8), 12).shape
    (2, 2)
    """
    found = array(name, value, PACKED, "u", 2)
    if found.dtype != np.uint8:
        raise UserError(f"{name}: {found.dtype} {list(found.shape)}; expected {PACKED}")
    if not found.shape[1]:
        raise UserError(f"{name}: codes of no bytes; expected {PACKED}")
    if not len(found) and not empty:
        raise UserError(f"{name}: no codes; expected at least one")
    if length is not None:
        size = -(-length // 8)
        if found.shape[1] != size:
            raise UserError(
                f"{name}: codes of {found.shape[1]} bytes; bits={length} needs {size} bytes"
            )
        if length % 8 and (found[:, -1] & (0xFF >> length % 8)).any():
            raise UserError(
                f"{name}: bits beyond bits={length} are set; expected 0 in the last "
                f"{8 * size - length} of each code"
            )
    return found


def labels(name: str, value: Any, count: int | None = None) -> np.ndarray:
    """Returns labels [n l], each 0 or 1, as uint8.

    Args:
      name: of the argument, for messages.
      value: the labels, of any type of number.
      count: n, where it is known.

    Raises:
      UserError: another shape, other values than 0 and 1, or another number of rows.

    >>> labels("labels", [[1.0, 0.0]])
    array([[1, 0]], dtype=uint8)
    """
    found = array(name, value, LABELS, "biuf", (1, 2))
    if found.ndim == 1:
        raise UserError(
            f"{name}: labels of one dimension; expected {LABELS}, as np.eye(classes)[numbers] "
            "makes of class numbers"
        )
    if not found.shape[1]:
        raise UserError(f"{name}: labels of no classes; expected {LABELS}")
    wrong = (found != 0) & (found != 1)
    if wrong.any():
        raise UserError(f"{name}: labels hold {found[wrong][0]}; expected {LABELS}")
    if count is not None and len(found) != count:
        raise UserError(f"{name}: {len(found)} rows of labels for {count} codes")
    return found.astype(np.uint8, copy=False)


def same_width(first: np.ndarray, second: np.ndarray, what: str) -> None:
    """Raises UserError where two arrays [n w], of queries and database, differ in w.

    >>> same_width(np.zeros((1, 2)), np.zeros((3, 2)), "bytes of codes")
    """
    if first.shape[1] != second.shape[1]:
        raise UserError(
            f"queries have {first.shape[1]} {what} and the database {second.shape[1]}; expected "
            "the same number"
        )


def same_shape(names: str, first: np.ndarray, second: np.ndarray) -> None:
    """Raises UserError where two arrays differ in shape.

    >>> same_shape("distance and relevant", np.zeros((1, 2)), np.ones((1, 2)))
    """
    if first.shape != second.shape:
        raise UserError(
            f"{names} have shapes {list(first.shape)} and {list(second.shape)}; expected the same"
        )


def _shown(value: Any) -> str:
    """Writes a value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
