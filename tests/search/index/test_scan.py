"""The scan against its definition, whatever FAISS makes of ties."""

import numpy as np
import pytest

from jaxhash.metrics import hamming
from jaxhash.search.index import scan


class FromTheEnd:
    """FAISS's index, which chooses the last among ties instead of the first."""

    def __init__(self, index, codes):
        self._index, self._last = index, len(codes) - 1
        index.reset()
        index.add(np.ascontiguousarray(scan._pad(codes)[::-1]))

    def search(self, queries, k):
        distance, row = self._index.search(queries, k)
        return distance, self._last - row

    def range_search(self, queries, radius):
        limits, distance, row = self._index.range_search(queries, radius)
        return limits, distance, self._last - row


@pytest.mark.parametrize("size", [1, 3, 4, 6, 8, 9, 16, 20, 33, 64, 70])
@pytest.mark.parametrize("different", [1, 5, 3000])
def test_ties_go_to_the_first_row_whatever_faiss_chooses(size, different, monkeypatch):
    monkeypatch.setattr(scan, "CHUNK", 100)
    random = np.random.default_rng(size)
    codes = random.integers(0, 256, (different, size), dtype=np.uint8)
    codes = codes[random.integers(0, different, 3000)]
    queries = np.concatenate([codes[:2], codes[:2] ^ 1])
    distances = hamming.distances(queries, codes)
    expected = np.argsort(distances, axis=1, kind="stable")
    ours = scan.Scan(codes)
    for index in (ours._index, FromTheEnd(scan.Scan(codes)._index, codes)):
        ours._index = index
        for k in (1, 50, 2990, 5000):
            distance, row = ours.nearest(queries, k)
            np.testing.assert_array_equal(row, expected[:, :k])
            np.testing.assert_array_equal(distance, np.take_along_axis(distances, row, axis=1))
        for query, (distance, row) in enumerate(ours.within(queries, 3 * size)):
            near = int((distances[query] <= 3 * size).sum())
            np.testing.assert_array_equal(row, expected[query, :near])
            np.testing.assert_array_equal(distance, distances[query, row])


def test_without_faiss_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(Exception, match=r"pip install 'jaxhash\[search\]'"):
        scan.Scan(np.zeros((1, 8), np.uint8))
