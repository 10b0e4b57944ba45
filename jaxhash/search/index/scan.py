"""An exact scan over codes in memory with FAISS; ties are ordered by row."""

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import hamming

FAST_BYTES = (4, 8, 16, 32, 64)  # code lengths that FAISS has fast kernels for
SPARE = 64  # further neighbours that are searched, to find the end of ties at the k-th distance
CHUNK = 1 << 16


class Scan:
    """Codes of one length, all compared with each query.

    Hits are in the order of distance, and of row among equal distances. FAISS does not define an
    order among ties, so those at the k-th distance are selected here.
    """

    def __init__(self, codes: np.ndarray):
        """Takes packed codes, uint8 [n bytes]."""
        faiss = _faiss()
        self._codes = codes
        self._index = faiss.IndexBinaryFlat(8 * padded_bytes(codes.shape[1]))
        self._index.add(_pad(codes))

    def nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k nearest rows, or all rows where there are fewer.

        Args:
          queries: uint8 [q bytes].
          k: number of neighbours.

        Returns:
          distances in bits, int32 [q k], and rows, int64 [q k].

        >>> codes = np.array([[1], [0], [3], [1]], np.uint8)
        >>> distance, row = Scan(codes).nearest(np.array([[1]], np.uint8), 3)
        >>> print(distance, row)
        [[0 0 1]] [[0 3 1]]
        """
        count = len(self._codes)
        k = min(k, count)
        if not k or not len(queries):
            shape = (len(queries), k)
            return np.zeros(shape, np.int32), np.zeros(shape, np.int64)
        wide = min(k + SPARE, count)
        distance, row = self._index.search(_pad(queries), wide)
        order = np.lexsort((row, distance))
        distance, row = (np.take_along_axis(x, order, axis=1) for x in (distance, row))
        last = distance[:, k - 1]
        # Where even the last spare neighbour is tied, earlier rows that were not found may be too.
        for query in np.flatnonzero((distance[:, -1] == last) & (wide < count)):
            nearer = np.searchsorted(distance[query], last[query])
            tied = self._first_at(queries[query], last[query], k - nearer)
            row[query, nearer:k] = tied
        return distance[:, :k], row[:, :k]

    def within(self, queries: np.ndarray, radius: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Finds all rows within `radius` bits of each query.

        Args:
          queries: uint8 [q bytes].
          radius: in bits.

        Returns:
          for each query, distances in bits, int32 [hits], and rows, int64 [hits].

        >>> codes = np.array([[3], [7], [1]], np.uint8)
        >>> [(distance, row)] = Scan(codes).within(np.array([[1]], np.uint8), 1)
        >>> print(distance, row)
        [0 1] [2 0]
        """
        limits, distance, row = self._range(queries, radius)
        found = []
        for start, stop in zip(limits[:-1].tolist(), limits[1:].tolist(), strict=True):
            near, rows = distance[start:stop].astype(np.int32), row[start:stop]
            order = np.lexsort((rows, near))
            found.append((near[order], rows[order]))
        return found

    def pairs(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the pairs of a query and a row that differ in at most `radius` bits, in no order.

        Args:
          queries: uint8 [q bytes].
          radius: in bits.

        Returns:
          the numbers of the queries, int64 [pairs], and rows, int64 [pairs].
        """
        limits, _, row = self._range(queries, radius)
        return np.repeat(np.arange(len(queries)), np.diff(limits)), row

    def _range(self, queries: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns where each query's hits end, and all distances and rows."""
        if not len(self._codes) or not len(queries) or radius < 0:
            none = np.zeros(0, np.int64)
            return np.zeros(len(queries) + 1, np.int64), none, none
        # FAISS finds what is strictly nearer, and takes the bound as an int32.
        bound = min(radius, 8 * self._codes.shape[1]) + 1
        limits, distance, row = self._index.range_search(_pad(queries), bound)
        return limits.astype(np.int64), distance, row

    def _first_at(self, query: np.ndarray, distance: int, count: int) -> np.ndarray:
        """Finds the first `count` rows at a distance, of which there are at least as many."""
        found = np.zeros(0, np.int64)
        for start in range(0, len(self._codes), CHUNK):
            block = hamming.distances(query[None], self._codes[start : start + CHUNK])[0]
            found = np.append(found, start + np.flatnonzero(block == distance))
            if len(found) >= count:
                break
        return found[:count]


def padded_bytes(size: int) -> int:
    """Returns the length in bytes to which codes of `size` bytes are padded.

    >>> padded_bytes(6), padded_bytes(100)
    (8, 104)
    """
    return next((fast for fast in FAST_BYTES if fast >= size), -(-size // 8) * 8)


def _pad(codes: np.ndarray) -> np.ndarray:
    width = padded_bytes(codes.shape[1])
    padded = np.zeros((len(codes), width), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded


def _faiss():
    try:
        import faiss  # noqa: PLC0415  an extra
    except ImportError:
        raise UserError(
            "image search needs FAISS, which is not installed: pip install 'jaxhash[search]'"
        ) from None
    # Its threads synchronise by spinning: on a busy machine two are slower than one.
    faiss.omp_set_num_threads(1)
    return faiss
