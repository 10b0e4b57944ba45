"""Places within ties without a sort: the number of earlier items at the same distance.

Among n items at k + 1 distances, a stable sort would give the place of every item; this gives those
of the relevant items, and the number of items at each distance, by bitwise operations on 64 items
at once. At 59,000 items of 48 bits with one in ten relevant it takes half the time of
NumPy's radix sort with the look-ups and counts around it, and its tables stay in the cache.
"""

from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks

SLICE = 1 << 16
FROM = np.uint64(2**64 - 1) << np.arange(64, dtype=np.uint64)


class Places(NamedTuple):
    """Distances and places of some items, and the sizes of all ties.

    items: int64 [k+1], how many of all items lie at each distance.
    distance: unsigned [r]. before: int64 [r], how many at the same distance come earlier.
    """

    items: np.ndarray
    distance: np.ndarray
    before: np.ndarray


def places(distance: np.ndarray, chosen: np.ndarray, bits: int) -> Places:
    """Finds the places of chosen items among those at their distance, in the given order.

    Args:
      distance: uint8 or uint16 [n], in 0..bits.
      chosen: [r] indices of items, ascending.
      bits: k.

    Raises:
      UserError: distances or indices of another type, order or range.

    >>> found = places(np.array([1, 0, 1, 1], np.uint8), np.array([1, 3]), bits=1)
    >>> print(found.items, found.distance, found.before)
    [1 3] [0 1] [0 2]
    """
    bits = _checked(distance, bits)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not _ascending(chosen, len(distance)):
        raise UserError(
            f"chosen: {chosen.dtype} {list(chosen.shape)}; expected indices [r] of the "
            f"{len(distance)} distances, ascending"
        )
    items = np.zeros(bits + 1, np.int64)
    of_chosen = distance.take(chosen)
    before = np.empty(len(chosen), np.int64)
    for start in range(0, len(distance), SLICE):
        piece = distance[start : start + SLICE]
        masks = _equal_to_each(piece, bits)
        width = masks.shape[1]
        until = np.bitwise_count(masks).cumsum(axis=1, dtype=np.int32)
        part = slice(*np.searchsorted(chosen, (start, start + SLICE)))
        place = chosen[part] - start
        word = np.multiply(of_chosen[part], width, dtype=np.intp)
        word += place >> 6
        # Those up to the end of the word of 64, less those of the word from the item onwards.
        after = masks.ravel().take(word)
        after &= FROM.take(place & 63)
        before[part] = until.ravel().take(word)
        before[part] -= np.bitwise_count(after)
        before[part] += items.take(of_chosen[part])
        items += until[:, -1]
        items[0] -= width * 64 - len(piece)  # the last word is filled up with 0
    return Places(items, of_chosen, before)


def equal_to_each(distance: np.ndarray, bits: int) -> np.ndarray:
    """Marks the items at each distance 0..k.

    The binary digits of the distances are packed to planes, 64 items a word, and every plane splits
    the marks of the planes before it.

    Returns:
      uint64 [k+1 words], first item lowest; the last word filled up as if with distance 0.

    Raises:
      UserError: distances of another type or range.

    >>> print(equal_to_each(np.array([2, 0, 2], np.uint8), bits=2)[2])
    [5]
    """
    return _equal_to_each(distance, _checked(distance, bits))


def _equal_to_each(distance: np.ndarray, bits: int) -> np.ndarray:
    length = -(-len(distance) // 64)
    marks = np.empty((bits + 1, length), np.uint64)
    marks[0] = FROM[0]
    plane = np.zeros(length, np.uint64)
    for digit in range(bits.bit_length()):
        ones = np.packbits(distance & distance.dtype.type(1 << digit), bitorder="little")
        plane.view(np.uint8)[: len(ones)] = ones
        known = 1 << digit
        without, having = marks[: min(known, bits + 1 - known)], marks[known : 2 * known]
        np.bitwise_and(without, plane, out=having)
        without ^= having
    return marks


def _checked(distance: np.ndarray, bits: int) -> int:
    bits = checks.bits(bits)
    if distance.dtype not in (np.uint8, np.uint16) or distance.ndim != 1:
        raise UserError(
            f"distance: {distance.dtype} {list(distance.shape)}; expected uint8 or uint16 [n]"
        )
    if distance.max(initial=0) > bits:
        raise UserError(f"distance: {distance.max()}; expected 0 to bits={bits}")
    return bits


def _ascending(chosen: np.ndarray, count: int) -> bool:
    """Tells whether indices ascend within 0..count - 1."""
    if not len(chosen):
        return True
    return bool(chosen[0] >= 0 and chosen[-1] < count and (chosen[1:] > chosen[:-1]).all())
