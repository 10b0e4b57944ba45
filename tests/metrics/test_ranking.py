import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.metrics import curves, histograms, ranking
from jaxhash.metrics.histograms import Histogram

RANDOM = np.random.RandomState(0)


@st.composite
def retrievals(draw):
    """Distances and relevance of one query against a few items, with many ties."""
    size, bits = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    distance = draw(st.lists(st.integers(0, bits), min_size=size, max_size=size))
    relevant = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.array([distance]), np.array([relevant]), bits


def ap_of_order(hits, at, total):
    """The textbook definition on one ranked list of 0 and 1."""
    found, summed = 0, 0.0
    for place, hit in enumerate(hits[:at], start=1):
        if hit:
            found += 1
            summed += found / place
    return summed / max(min(total, at), 1)


def shuffled_orders(distance, relevant, count):
    for _ in range(count):
        order = RANDOM.permutation(len(distance))
        yield relevant[order][np.argsort(distance[order], kind="stable")]


@pytest.mark.parametrize(
    ("items", "relevant", "at", "expected"),
    [
        # One relevant of two tied: 1 or 1/2.
        ([2], [1], None, 3 / 4),
        # One relevant of three tied: (1 + 1/2 + 1/3) / 3.
        ([3], [1], None, 11 / 18),
        # Two relevant of three tied: orders 110, 101, 011 give 1, 5/6, 7/12.
        ([3], [2], None, (1 + 5 / 6 + 7 / 12) / 3),
        # A miss first, then one relevant of two tied: 1/2 or 1/3.
        ([1, 2], [0, 1], None, 5 / 12),
        # The same, only the first two places count: 1/2 or nothing.
        ([1, 2], [0, 1], 2, 1 / 4),
        # All relevant, and none.
        ([2, 3], [2, 3], None, 1),
        ([2, 3], [0, 0], None, 0),
        # Five relevant, two places: a perfect start is 1.
        ([2, 3], [2, 3], 2, 1),
    ],
)
def test_average_precision_worked_by_hand(items, relevant, at, expected):
    counts = Histogram(np.array([items]), np.array([relevant]))
    np.testing.assert_allclose(ranking.average_precision(counts, at), [expected], rtol=1e-12)


@pytest.mark.parametrize("at", [None, 50, 333])
def test_average_precision_is_the_mean_over_random_orders(at):
    distance = RANDOM.binomial(8, 0.4, size=400)
    relevant = RANDOM.rand(400) < 0.6 - 0.06 * distance
    samples = [
        ap_of_order(hits, at or 400, relevant.sum())
        for hits in shuffled_orders(distance, relevant, 2000)
    ]
    counts = histograms.histogram(distance[None], relevant[None], bits=8)
    got = ranking.average_precision(counts, at)[0]
    error = np.std(samples) / np.sqrt(len(samples))
    assert abs(got - np.mean(samples)) < 4 * error
    assert error < 0.001  # or the line above would say little


@given(retrievals(), st.integers(1, 12))
def test_by_index_is_the_textbook_definition_on_a_stable_sort(retrieval, at):
    distance, relevant, _ = retrieval
    hits = relevant[0][np.argsort(distance[0], kind="stable")]
    for k in (None, at):
        got = ranking.average_precision_by_index(distance, relevant, k)[0]
        np.testing.assert_allclose(got, ap_of_order(hits, k or len(hits), relevant.sum()))


@given(retrievals(), st.integers(1, 12))
def test_without_ties_both_orders_agree(retrieval, at):
    _, relevant, _ = retrieval
    distance = RANDOM.permutation(relevant.shape[1])[None]
    counts = histograms.histogram(distance, relevant, bits=relevant.shape[1])
    for k in (None, at):
        by_index = ranking.average_precision_by_index(distance, relevant, k)
        np.testing.assert_allclose(ranking.average_precision(counts, k), by_index, atol=1e-12)


@given(retrievals(), st.randoms(use_true_random=False))
def test_order_of_the_database_changes_nothing_under_exact_ties(retrieval, random):
    distance, relevant, bits = retrieval
    order = list(range(distance.shape[1]))
    random.shuffle(order)
    straight = histograms.histogram(distance, relevant, bits)
    shuffled = histograms.histogram(distance[:, order], relevant[:, order], bits)
    assert np.array_equal(straight.items, shuffled.items)
    assert np.array_equal(straight.relevant, shuffled.relevant)


@given(retrievals(), st.integers(1, 12))
def test_every_metric_stays_between_0_and_1(retrieval, at):
    counts = histograms.histogram(*retrieval)
    values = [
        ranking.average_precision(counts),
        ranking.average_precision(counts, at),
        ranking.precision_within(counts, 2),
        ranking.recall_within(counts, 2),
        curves.recall_at(counts, [at]),
        ranking.hits_at(counts, at) / at,
        *curves.precision_recall(counts),
    ]
    for value in values:
        assert (value >= -1e-12).all() and (value <= 1 + 1e-12).all()


def test_hits_denominator_forgives_misses():
    distance, relevant = np.array([[0, 1, 2, 3]]), np.array([[True, False, False, True]])
    assert ranking.average_precision_by_index(distance, relevant, 2)[0] == 0.5
    assert ranking.average_precision_by_index(distance, relevant, 2, "hits")[0] == 1.0


def test_nothing_within_the_radius_counts_as_0():
    counts = Histogram(
        np.array([[0, 0, 0, 4], [1, 0, 1, 2]]), np.array([[0, 0, 0, 4], [1, 0, 0, 2]])
    )
    assert ranking.precision_within(counts, 2).tolist() == [0.0, 0.5]


def test_recall_within_a_radius():
    counts = Histogram(np.array([[1, 2, 1, 6], [3, 0, 0, 0]]), np.array([[0, 2, 1, 5], [0] * 4]))
    assert ranking.recall_within(counts, 2).tolist() == [3 / 8, 0.0]


def test_precision_at_n_is_the_mean_over_random_orders():
    distance, relevant = RANDOM.randint(0, 4, size=30), RANDOM.rand(30) < 0.4
    counts = histograms.histogram(distance[None], relevant[None], bits=4)
    for number in (1, 7, 30):
        samples = [h[:number].mean() for h in shuffled_orders(distance, relevant, 3000)]
        got = curves.precision_at(counts, [number])[0]
        assert abs(got - np.mean(samples)) <= 4 * np.std(samples) / np.sqrt(3000) + 1e-12


def test_precision_recall_pools_the_queries():
    counts = Histogram(np.array([[1, 1], [0, 2]]), np.array([[1, 0], [0, 1]]))
    curve = curves.precision_recall(counts)
    np.testing.assert_allclose(curve.precision, [1, 2 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 2, 1])
