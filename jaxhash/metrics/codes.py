"""Statistics of codes that need no labels: balance and correlation of bits, distinct codes."""

from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks, hamming

BLOCK = 1 << 14
ROUNDING = 1e-6


class Bits(NamedTuple):
    """The bits of a set of codes.

    balance: float64 [k] in [0, 1], the share of 1s in each bit. correlation: float64 [k k] in
    [-1, 1], Pearson's between bits; 0 where one of the two never changes.
    """

    balance: np.ndarray
    correlation: np.ndarray


def bits(codes: np.ndarray, number: int) -> Bits:
    """Computes balance and correlation of the bits, in blocks of codes.

    Args:
      codes: uint8 [n ceil(k/8)] packed.
      number: k.

    Raises:
      UserError: no codes, or codes of another length.

    >>> found = bits(np.array([[0b11000000], [0b00100000]], np.uint8), 3)
    >>> print(found.balance, found.correlation[0])
    [0.5 0.5 0.5] [ 1.  1. -1.]
    """
    number = checks.bits(number, "number")
    codes = checks.codes("codes", codes, number)
    both = np.zeros((number, number))
    for start in range(0, len(codes), BLOCK):
        block = np.unpackbits(codes[start : start + BLOCK], axis=1, count=number)
        block = block.astype(np.float32)  # exact for counts up to 2^24
        both += block.T @ block
    ones = both.diagonal().copy()
    covariance = len(codes) * both - np.outer(ones, ones)
    deviation = np.sqrt(covariance.diagonal())
    scale = np.outer(deviation, deviation)
    zeros = np.zeros_like(both)
    return Bits(ones / len(codes), np.divide(covariance, scale, out=zeros, where=scale > 0))


def mean_correlation(correlation: np.ndarray) -> float:
    """Averages the absolute correlation over the pairs of different bits; 0 for a single bit.

    Independent bits have 0, and so have bits that never change, which the balance shows. Copies of
    one bit have 1.

    Args:
      correlation: [k k] in [-1, 1].

    Raises:
      UserError: another shape or range.

    >>> mean_correlation(np.array([[1.0, -0.5], [-0.5, 1.0]]))
    0.5
    """
    expected = "correlations [k k] in [-1, 1]"
    correlation = checks.array("correlation", correlation, expected, "biuf", 2)
    inside = (np.abs(correlation) <= 1 + ROUNDING).all()
    if correlation.shape[0] != correlation.shape[1] or not inside:
        raise UserError(f"correlation: {list(correlation.shape)}; expected {expected}")
    pairs = np.abs(correlation[np.triu_indices(len(correlation), 1)])
    return float(pairs.mean()) if len(pairs) else 0.0


def in_use(codes: np.ndarray) -> int:
    """Counts distinct codes.

    Args:
      codes: uint8 [n bytes] packed.

    Raises:
      UserError: no packed codes.

    >>> in_use(np.array([[1, 2], [2, 1], [1, 2]], np.uint8))
    2
    """
    words = hamming.words(codes)
    if len(words) == 1:
        return len(np.unique(words[0]))
    order = np.lexsort(words)
    changes = (words[:, order[1:]] != words[:, order[:-1]]).any(axis=0)
    return min(len(codes), 1) + int(changes.sum())
