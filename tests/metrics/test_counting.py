import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.metrics import counting, hamming, histograms, ties
from jaxhash.metrics.hamming import Coded
from tests.metrics import brute

RANDOM = np.random.RandomState(0)


def coded(count, bits, classes, share=None):
    """Draws codes, with one label each or a share of all."""
    bits_ = RANDOM.rand(count, bits) < 0.5
    labels = np.eye(classes, dtype=np.uint8)[RANDOM.randint(0, classes, count)]
    if share is not None:
        labels = (RANDOM.rand(count, classes) < share).astype(np.uint8)
    return Coded(np.packbits(bits_, axis=1), labels)


def assert_equal(one, other):
    for a, b in zip((*one.histogram, *one[1:]), (*other.histogram, *other[1:]), strict=True):
        assert np.array_equal(a, b)


def matrices(queries, database, bits):
    unpacked = [np.unpackbits(c.codes, axis=1, count=bits) for c in (queries, database)]
    gains = queries.labels.astype(int) @ database.labels.T.astype(int)
    return brute.distances(*unpacked), gains


@pytest.mark.parametrize("share", [None, 0.0, 0.3, 1.0])
@pytest.mark.parametrize(("items", "bits"), [(1, 1), (40, 6), (130, 48), (30, 70), (20, 260)])
@pytest.mark.parametrize("at", [None, 1, 15, 1000])
def test_counts_are_those_of_matrices(share, items, bits, at):
    queries, database = coded(5, bits, 4, share), coded(items, bits, 4, share)
    distance, gains = matrices(queries, database, bits)
    counted = counting.count(queries, database, bits, by_index=True, at=at)
    for query in range(5):
        for d in range(bits + 1):
            there = gains[query][distance[query] == d]
            assert counted.histogram.items[query, d] == len(there)
            assert counted.histogram.relevant[query, d] == (there > 0).sum()
            assert counted.histogram.gains[query, d] == there.sum()
        graded = counted.histogram.graded[query]
        assert graded.tolist() == [(gains[query] == g).sum() for g in range(len(graded))]
        hits = np.array(brute.by_index(distance[query], gains[query])[:at]) > 0
        places = np.flatnonzero(hits) + 1
        precisions = sum(n / place for n, place in enumerate(places, start=1))
        assert counted.hits[query] == hits.sum()
        np.testing.assert_allclose(counted.precisions[query], precisions)
    alone = counting.count(queries, database, bits)
    assert alone.hits is None and alone.precisions is None
    for a, b in zip(alone.histogram, counted.histogram, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("items", [1, 2, 37, 300, 301])
@pytest.mark.parametrize("bits", [1, 8, 64, 255, 256])
def test_many_items_are_counted_by_pairs(items, bits, monkeypatch):
    queries, database = coded(3, bits, 4), coded(items, bits, 4)
    expected = counting.count(queries, database, bits, by_index=True).histogram
    monkeypatch.setattr(counting, "LONG", 0)
    for a, b in zip(counting.count(queries, database, bits).histogram, expected, strict=True):
        assert np.array_equal(a, b)


def test_the_histogram_of_a_matrix_is_the_same():
    queries, database = coded(6, 9, 5, 0.4), coded(60, 9, 5, 0.4)
    distance, gains = matrices(queries, database, 9)
    expected, counted = (
        histograms.histogram(distance, gains, 9),
        counting.count(queries, database, 9),
    )
    for name in ("items", "relevant", "gains"):
        assert np.array_equal(getattr(expected, name), getattr(counted.histogram, name))


@given(st.integers(1, 60), st.integers(1, 200), st.integers(1, 5), st.sampled_from([None, 0.4]))
def test_sizes_of_blocks_and_slices_do_not_matter(rows, slice_, queries, share):
    items = [coded(queries, 10, 3, share), coded(70, 10, 3, share)]
    whole = counting.count(*items, 10, by_index=True, at=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK_PAIRS", rows * 70)
        patch.setattr(counting, "THREADED", 70)
        patch.setattr(hamming, "SLICE", slice_)
        patch.setattr(ties, "SLICE", slice_)
        assert_equal(counting.count(*items, 10, by_index=True, at=20), whole)


@given(st.randoms(use_true_random=False), st.sampled_from([None, 0.3]))
def test_sums_hold_and_the_order_of_the_database_does_not_matter(random, share):
    queries, database = coded(4, 8, 3, share), coded(25, 8, 3, share)
    order = list(range(25))
    random.shuffle(order)
    straight = counting.count(queries, database, 8).histogram
    shuffled = counting.count(queries, Coded(*(x[order] for x in database)), 8).histogram
    assert (straight.items.sum(axis=1) == 25).all()
    assert (straight.graded.sum(axis=1) == 25).all()
    assert (straight.relevant <= straight.items).all()
    assert np.array_equal(straight.relevant.sum(axis=1), straight.graded[:, 1:].sum(axis=1))
    grades = np.arange(straight.graded.shape[1])
    assert np.array_equal(straight.gains.sum(axis=1), straight.graded @ grades)
    for a, b in zip(straight, shuffled, strict=True):
        assert np.array_equal(a, b)
