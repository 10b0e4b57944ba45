"""Groups of near-equal codes, found without comparing all pairs."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jaxhash.search.index.scan import Scan

LONG = 64  # codes that share a part: of more, all pairs are compared by FAISS
BLOCK = 256  # codes that FAISS compares with others in one call
PAIRS = 1 << 18  # that are collected before the groups are joined


def group(codes: np.ndarray, radius: int) -> np.ndarray:
    """Numbers groups: two codes are in one where a chain of codes, `radius` bits apart, joins them.

    Multi-index hashing (Norouzi, Punjani, Fleet, CVPR 2012): codes are cut into radius + 1 parts;
    two that differ in at most `radius` bits agree in one part at least, so that only codes that
    share a part are compared. Where parts are so short that this compares more than all pairs, all
    pairs are compared.

    Args:
      codes: uint8 [n bytes], packed bits.
      radius: in bits.

    Returns:
      int [n], the number of each code's group, from 0 in the order of their first codes.

    >>> group(np.array([[0], [255], [1], [3], [255]], np.uint8), 1).tolist()
    [0, 1, 0, 0, 1]
    """
    unique, place = np.unique(codes, axis=0, return_inverse=True)
    groups = _Groups(len(unique))
    if radius > 0 and len(unique) > 1:
        keys = _keys(unique, radius)
        if keys is None:
            _compare_all(unique, np.arange(len(unique)), radius, groups)
        else:
            words = _words(unique)
            for part in keys:
                _compare_sharing(part, unique, words, radius, groups)
    return _numbered(groups.labels()[place.reshape(-1)])


class _Groups:
    """Which codes are joined, directly or by others."""

    def __init__(self, count: int):
        self._labels = np.arange(count)
        self._pairs: list[np.ndarray] = []
        self._waiting = 0

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns which pairs are not known to be joined."""
        return self._labels[first] != self._labels[second]

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        if len(first):
            self._pairs.append(np.stack([first, second]))
            self._waiting += len(first)
            if self._waiting > PAIRS:
                self.labels()

    def labels(self) -> np.ndarray:
        """Returns the label of each code's group."""
        if self._pairs:
            first, second = self._labels[np.concatenate(self._pairs, axis=1)]
            size = (len(self._labels),) * 2
            graph = coo_array((np.ones(len(first), bool), (first, second)), size)
            self._labels = connected_components(graph, directed=False)[1][self._labels]
            self._pairs, self._waiting = [], 0
        return self._labels


def _keys(codes: np.ndarray, radius: int) -> Iterator[np.ndarray] | None:
    """Yields the parts of codes as numbers, uint64 [n]; None where they are too short."""
    bits, parts = 8 * codes.shape[1], radius + 1
    if parts > bits:
        return None
    ends = np.linspace(0, bits, parts + 1).astype(int)
    pairs = 0
    for start, stop in zip(ends[:-1], ends[1:], strict=True):
        runs = np.unique(_part(codes, start, stop), return_counts=True)[1]
        pairs += int(np.square(runs).sum())
        if pairs > len(codes) ** 2:
            return None
    return (_part(codes, *span) for span in zip(ends[:-1], ends[1:], strict=True))


def _part(codes: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Returns bits `start` to `stop` of codes, of more than 56 the first, as uint64 [n]."""
    stop = min(stop, start + 56)
    first, last = start // 8, -(-stop // 8)
    taken = np.zeros((len(codes), 8), np.uint8)
    taken[:, : last - first] = codes[:, first:last]
    word = taken.view(">u8")[:, 0].astype(np.uint64)
    return (word << np.uint64(start % 8)) >> np.uint64(64 - (stop - start))


def _words(codes: np.ndarray) -> np.ndarray:
    padded = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view(np.uint64)


def _compare_sharing(
    keys: np.ndarray, codes: np.ndarray, words: np.ndarray, radius: int, groups: _Groups
) -> None:
    """Joins near codes among those of equal keys."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] ^ np.uint64(1)))
    lengths = np.diff(starts, append=len(keys))
    for start, length in zip(starts[lengths > LONG], lengths[lengths > LONG], strict=True):
        _compare_all(codes, order[start : start + length], radius, groups)
    place = np.flatnonzero(np.repeat(lengths <= LONG, lengths))
    shift = 1
    while True:  # each code with the one that is `shift` places later
        place = place[place + shift < len(keys)]
        place = place[keys[place] == keys[place + shift]]
        if not len(place):
            return
        first, second = order[place], order[place + shift]
        apart = groups.apart(first, second)
        first, second = first[apart], second[apart]
        differing = np.bitwise_count(words[first] ^ words[second]).sum(axis=1, dtype=np.int32)
        near = differing <= radius
        groups.join(first[near], second[near])
        shift += 1


def _compare_all(codes: np.ndarray, rows: np.ndarray, radius: int, groups: _Groups) -> None:
    """Joins near codes among the given rows, all of which are compared."""
    scan = Scan(codes[rows])
    for start in range(0, len(rows), BLOCK):
        query, found = scan.pairs(codes[rows[start : start + BLOCK]], radius)
        first, second = rows[start + query], rows[found]
        apart = groups.apart(first, second)
        groups.join(first[apart], second[apart])


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Numbers labels from 0 in the order in which they come first."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), int)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place]
