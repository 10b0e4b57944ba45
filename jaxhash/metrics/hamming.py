"""Hamming distances between packed codes, in blocks of bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK_PAIRS = 1 << 22


class Coded(NamedTuple):
    """Images as codes: `codes` uint8 [n ceil(k/8)] packed bits, `labels` [n l] 0 or 1."""

    codes: np.ndarray
    labels: np.ndarray


def distances(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Counts the bits that differ.

    Args:
      queries: uint8 [q bytes] packed codes.
      database: uint8 [n bytes] packed codes.

    Returns:
      uint16 [q n].

    >>> import numpy as np
    >>> print(distances(np.array([[0b1100]], np.uint8), np.array([[0b1010], [0]], np.uint8)))
    [[2 2]]
    """
    total = np.zeros((len(queries), len(database)), np.uint16)
    for query, item in zip(_words(queries).T, _words(database).T, strict=True):
        total += np.bitwise_count(query[:, None] ^ item[None, :])
    return total


def blocks(queries: Coded, database: Coded) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Walks the queries in blocks of at most some four million pairs, in order.

    Yields:
      distances uint16 [q' n], and relevance bool [q' n]: whether the two share a label.
    """
    database_labels = np.ascontiguousarray(database.labels.T, np.float32)
    rows = max(1, BLOCK_PAIRS // len(database.codes))
    for start in range(0, len(queries.codes), rows):
        block = slice(start, start + rows)
        relevant = queries.labels[block].astype(np.float32) @ database_labels > 0
        yield distances(queries.codes[block], database.codes), relevant


def _words(codes: np.ndarray) -> np.ndarray:
    """Views packed bytes [n bytes] as uint64 [n words], filled up with 0."""
    padded = np.pad(codes, ((0, 0), (0, -codes.shape[1] % 8)))
    return np.ascontiguousarray(padded).view(np.uint64)
