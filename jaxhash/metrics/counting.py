"""One pass over all pairs of query and item, which counts what ranking metrics need.

Each query leaves one histogram over its k + 1 distances; metrics are computed from those. The pass
is NumPy, a query at a time, because that measured best on CPUs: on a thread for each core where the
database is large, and on one thread elsewhere, since NumPy's operations on fewer items are so short
that threads spend more time on taking turns than they gain (1,000 queries, 59,000 items, two cores
of an AMD EPYC: .19 s on two threads and .16 on one; with places by index .63 and .46). In
nanoseconds a pair on one core of an AMD EPYC, best of several runs on a busy machine, at 59,000
codes of 48 bits: distances 1 in NumPy and in XLA; the histogram 1.1 by `np.bincount` of pairs; with
the places of ties by index 5 in `ties`, against 10 by a radix sort; in XLA 10 for the histogram
alone by a scatter, and more than 100 by comparison with each distance, by a product with a one-hot
matrix or by a sort. So the devices encode, and their host counts: it has the codes anyway, and a
million codes of 64 bits are 8 MB.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jaxhash.metrics import checks, hamming, ties
from jaxhash.metrics.hamming import Coded
from jaxhash.metrics.histograms import Histogram
from jaxhash.metrics.relevance import SharedLabels

BLOCK_PAIRS = 1 << 18
THREADED = 1 << 18  # items from which threads gain
LONG = 1 << 15


class Counted(NamedTuple):
    """The counts of one pass, for each query.

    histogram: items, relevant items and gains at each distance.
    precisions: float64 [q], with ties in the order of the database, the sum of the precisions at
      the hits among the first `at` items. hits: int64 [q], the number of those hits. Both are None
      without `by_index`.
    """

    histogram: Histogram
    precisions: np.ndarray | None = None
    hits: np.ndarray | None = None


def count(
    queries: Coded,
    database: Coded,
    bits: int,
    *,
    by_index: bool = False,
    at: int | None = None,
    title: str = "measure",
) -> Counted:
    """Counts items, relevant items and gains at every distance from every query.

    The gain of an item is the number of labels that it shares with the query; an item is relevant
    if it has a gain. Memory is that of the codes, of the histograms, and of one query for each
    core, whatever the number of pairs.

    Args:
      queries: codes and labels of q queries.
      database: codes and labels of n items, in the order that breaks ties by index.
      bits: k.
      by_index: whether to rank with ties by index too, which takes several times as long.
      at: how many items count in the order by index; None is all.
      title: of the progress bar.

    Raises:
      UserError: invalid codes, labels, `bits` or `at`.

    >>> codes = Coded(np.array([[0], [1], [3]], np.uint8), np.array([[1, 0], [0, 1], [1, 1]]))
    >>> counted = count(codes, codes, bits=8, by_index=True)
    >>> print(counted.histogram.items[0, :3], counted.histogram.relevant[0, :3], counted.hits)
    [1 1 1] [1 0 1] [2 2 3]
    """
    bits, at = checks.bits(bits), checks.depth("at", at)
    queries = hamming.checked("queries", queries, bits)
    database = hamming.checked("database", database, bits)
    shared = SharedLabels(queries.labels, database.labels)
    query_words, columns = hamming.words(queries.codes), hamming.words(database.codes)
    number, items = len(queries.codes), len(database.codes)
    all_items, all_relevant = np.zeros((2, number, bits + 1), np.int64)
    all_gains, graded = all_relevant, np.zeros((number, shared.grades), np.int64)
    if shared.grades > 2:
        all_gains = np.zeros_like(all_relevant)
    precisions, hits = np.zeros(number), np.zeros(number, np.int64)
    rows = max(1, BLOCK_PAIRS // items)

    def block(start: int) -> None:
        distance = np.empty(items, np.min_scalar_type(bits))
        for query in range(start, min(start + rows, number)):
            hamming.count_bits(np.bitwise_xor, query_words[:, query], columns, distance)
            relevant = shared.with_query(query)
            if by_index:
                found = ties.places(distance, relevant.items, bits)
                all_items[query], near = found.items, found.distance
                ranks = _ranks(found, at)
                precisions[query] = (np.arange(1, len(ranks) + 1) / ranks).sum()
                hits[query] = len(ranks)
            else:
                near = distance.take(relevant.items)
                all_items[query] = _at_each(distance, bits)
            all_relevant[query] = np.bincount(near, minlength=bits + 1)
            if shared.grades > 2:
                # Whole numbers below 2^53, so exact in the float64 that weights are.
                all_gains[query] = np.bincount(near, relevant.gains, bits + 1)
                graded[query] = np.bincount(relevant.gains, minlength=shared.grades)

    starts = range(0, number, rows)
    blocks = map(block, starts) if items < THREADED else _threaded(block, starts)
    for _ in tqdm(blocks, title, len(starts), leave=False, disable=None):
        pass
    found = all_relevant.sum(axis=1)
    if shared.grades == 2:
        graded[:, 1] = found
    graded[:, 0] = items - found
    histogram = Histogram(all_items, all_relevant, all_gains, graded)
    return Counted(histogram, precisions, hits) if by_index else Counted(histogram)


def _at_each(distance: np.ndarray, bits: int) -> np.ndarray:
    """Counts the items at each distance; many distances of one byte by pairs, which is faster."""
    if distance.itemsize > 1 or len(distance) < LONG:
        return np.bincount(distance, minlength=bits + 1)
    even = len(distance) // 2 * 2
    pairs = np.bincount(distance[:even].view(np.uint16), minlength=(bits + 1) << 8)
    pairs = pairs.reshape(bits + 1, 1 << 8)[:, : bits + 1]
    return pairs.sum(axis=0) + pairs.sum(axis=1) + np.bincount(distance[even:], minlength=bits + 1)


def _ranks(found: ties.Places, at: int | None) -> np.ndarray:
    """Ranks the chosen items among all, from 1; returns the ranks up to `at`, ascending."""
    nearer = found.items.cumsum() - found.items
    ranks = nearer.take(found.distance)
    ranks += found.before
    ranks += 1
    # Sorting by distance sorts by rank, since items at one distance are in order already.
    ranks = ranks.take(np.argsort(found.distance, kind="stable"))
    return ranks if at is None else ranks[: np.searchsorted(ranks, at, side="right")]


def _threaded(function: Callable, arguments: range) -> Iterator:
    with ThreadPoolExecutor(max(1, min(os.cpu_count() or 1, len(arguments)))) as pool:
        yield from pool.map(function, arguments)
