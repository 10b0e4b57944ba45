"""Hamming distances between packed codes, computed in slices that fit into the cache."""

from typing import Any, NamedTuple

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import checks

SLICE = 1 << 16


class Coded(NamedTuple):
    """Codes and labels of images: `codes` uint8 [n ceil(k/8)] packed, `labels` [n l] 0 or 1."""

    codes: np.ndarray
    labels: np.ndarray


def checked(name: str, value: Any, bits: int) -> Coded:
    """Returns codes and labels as arrays.

    Args:
      name: of the argument, for messages.
      value: codes and labels of n >= 1 images.
      bits: k.

    Raises:
      UserError: another type, codes of another length, or labels that do not fit them.

    >>> checked("queries", Coded(np.array([[3]], np.uint8), [[True, False]]), 8).labels
    array([[1, 0]], dtype=uint8)
    """
    if not isinstance(value, Coded):
        raise UserError(f"{name}: {type(value).__name__}; expected jaxhash.Coded(codes, labels)")
    codes = checks.codes(f"{name}.codes", value.codes, bits)
    return Coded(codes, checks.labels(f"{name}.labels", value.labels, len(codes)))


def distances(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Counts the bits that differ.

    Args:
      queries: uint8 [q bytes] packed codes.
      database: uint8 [n bytes] packed codes.

    Returns:
      uint16 [q n].

    Raises:
      UserError: no packed codes, or of different lengths.

    >>> print(distances(np.array([[0b1100]], np.uint8), np.array([[0b1010], [0]], np.uint8)))
    [[2 2]]
    """
    queries = checks.codes("queries", queries, empty=True)
    database = checks.codes("database", database, empty=True)
    checks.same_width(queries, database, "bytes of codes")
    total = np.empty((len(queries), len(database)), np.uint16)
    columns = words(database)
    for row, query in zip(total, words(queries).T, strict=True):
        count_bits(np.bitwise_xor, query, columns, row)
    return total


def count_bits(combine: np.ufunc, query: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """Counts the 1s of `combine(query, item)` for every item: a distance of codes under xor.

    In slices, so that intermediate words stay in the cache however many items there are.

    Args:
      combine: `np.bitwise_xor` counts the bits that differ, `np.bitwise_and` those shared.
      query: uint64 [words].
      columns: uint64 [words n].
      out: unsigned [n], written; wide enough for the largest count.

    Raises:
      UserError: shapes that do not fit, or another dtype.

    >>> shared = np.empty(2, np.uint8)
    >>> items = np.array([[0b1010, 0b1100]], np.uint64)
    >>> count_bits(np.bitwise_and, np.array([0b1100], np.uint64), items, shared)
    >>> print(shared)
    [1 2]
    """
    shapes = query.shape == columns.shape[:1] and out.shape == columns.shape[1:]
    if not shapes or not query.dtype == columns.dtype == np.uint64 or out.dtype.kind != "u":
        raise UserError(
            f"query {query.dtype} {list(query.shape)}, columns {columns.dtype} "
            f"{list(columns.shape)}, out {out.dtype} {list(out.shape)}; expected uint64 [words], "
            "uint64 [words n], unsigned [n]"
        )
    for start in range(0, len(out), SLICE):
        part = slice(start, start + SLICE)
        np.bitwise_count(combine(columns[0, part], query[0]), out=out[part])
        for column, word in zip(columns[1:], query[1:], strict=True):
            out[part] += np.bitwise_count(combine(column[part], word))


def words(codes: np.ndarray) -> np.ndarray:
    """Views packed bytes, uint8 [n bytes], as uint64 [words n], filled up with 0.

    Raises:
      UserError: no packed codes.

    >>> print(words(np.array([[1, 0], [2, 0]], np.uint8)))
    [[1 2]]
    """
    codes = checks.codes("codes", codes, empty=True)
    padded = np.pad(codes, ((0, 0), (0, -codes.shape[1] % 8)))
    return np.ascontiguousarray(np.ascontiguousarray(padded).view("<u8").T, np.uint64)
