"""Checks of the arguments of `jaxhash.metrics`: shapes, types and ranges, each by name.

Wrong input would often give a plausible number: labels of -1 and +1 a mean average precision of 1,
class numbers instead of 0 and 1 one that is slightly off. Every public function that takes codes,
labels, bits or a depth calls one of these first. Each raises `UserError`, in one line.
"""

from typing import Any

import numpy as np

from jaxhash.errors import UserError


def bits(value: Any) -> int:
    """Returns k, the length of the codes; raises UserError unless it is a whole number from 1.

    >>> bits(np.int64(48))
    48
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UserError(f"bits={value!r}: expected the length of the codes, a whole number from 1")
    return int(value)


def depth(name: str, value: Any) -> int | None:
    """Returns k of a metric at k; raises UserError unless it is None or a whole number from 1.

    >>> depth("map_at", 1000), depth("map_at", None)
    (1000, None)
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise UserError(f"{name}={value!r}: expected None, or a number of items from 1")
    return int(value)


def codes(name: str, value: Any, length: int | None = None) -> np.ndarray:
    """Returns packed codes, uint8 [n bytes], n >= 1.

    Args:
      name: of the argument, for messages.
      value: the codes.
      length: k, where it is known: the codes must have ceil(k/8) bytes, and 0 in the bits that fill
        up the last one.

    Raises:
      UserError: another type or shape, or set bits beyond k.

    >>> codes("queries", np.zeros((2, 2), np.uint8), 12).shape
    (2, 2)
    """
    array = np.asarray(value)
    packed = "packed codes, uint8 [n ceil(bits/8)], as np.packbits(codes > 0, axis=1) makes them"
    if array.dtype != np.uint8 or array.ndim != 2:
        raise UserError(f"{name}: {array.dtype} {list(array.shape)}; expected {packed}")
    if not len(array):
        raise UserError(f"{name}: no codes; expected at least one")
    if not array.shape[1]:
        raise UserError(f"{name}: codes of no bytes; expected {packed}")
    if length is not None:
        size = -(-length // 8)
        if array.shape[1] != size:
            raise UserError(f"{name}: codes of {array.shape[1]} bytes; bits={length} takes {size}")
        if length % 8 and (array[:, -1] & (0xFF >> length % 8)).any():
            raise UserError(
                f"{name}: bits beyond bits={length} are set; expected 0 in the last "
                f"{8 * size - length} of each code"
            )
    return array


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
    array = np.asarray(value)
    expected = "labels [n l] of 0 and 1, a column for each class"
    if array.ndim != 2:
        hint = "; np.eye(classes)[numbers] makes them of class numbers" if array.ndim == 1 else ""
        raise UserError(f"{name}: labels have shape {list(array.shape)}; expected {expected}{hint}")
    if array.dtype.kind not in "biuf":
        raise UserError(f"{name}: labels are {array.dtype}; expected {expected}")
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        raise UserError(f"{name}: labels hold {wrong.flat[0]}; expected {expected}")
    if count is not None and len(array) != count:
        raise UserError(f"{name}: {len(array)} rows of labels for {count} codes")
    return array.astype(np.uint8, copy=False)


def same_width(first: np.ndarray, second: np.ndarray, what: str) -> None:
    """Raises UserError where two arrays [n w] differ in w.

    >>> same_width(np.zeros((1, 2)), np.zeros((3, 2)), "codes")
    """
    if first.shape[1] != second.shape[1]:
        raise UserError(
            f"queries and database have {what} of {first.shape[1]} and {second.shape[1]} columns; "
            "expected as many"
        )
