import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.metrics import curves, graded, histograms, ranking
from tests.metrics import brute

CASES = {
    "ties and grades": ([0, 1, 1, 1, 2, 2], [1, 0, 2, 3, 0, 1]),
    "all tied": ([3, 3, 3, 3, 3], [0, 2, 1, 0, 2]),
    "nothing relevant": ([0, 1, 1], [0, 0, 0]),
    "all relevant": ([0, 1, 1, 2], [2, 2, 2, 2]),
    "one item": ([2], [1]),
    "one item, not relevant": ([0], [0]),
    "no ties": ([3, 0, 2, 1], [0, 1, 3, 0]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at", [None, 1, 2, 3, 4, 5, 10])
def test_metrics_are_means_over_all_orders_of_ties(case, at):
    """The database may be smaller than k."""
    distance, gains = map(np.array, CASES[case])
    counts = histograms.histogram(distance[None], gains[None], bits=3)
    check = np.testing.assert_allclose
    kwargs = {"rtol": 1e-12, "atol": 1e-12}
    expected = brute.average(brute.average_precision, distance, gains, at)
    check(ranking.average_precision(counts, at), [expected], **kwargs)
    check(graded.ndcg(counts, at), [brute.average(brute.ndcg, distance, gains, at)], **kwargs)
    if at is not None:
        check(graded.acg(counts, at), [brute.average(brute.acg, distance, gains, at)], **kwargs)
        expected = brute.average(brute.precision, distance, gains, at)
        check(curves.precision_at(counts, [at]), [expected], **kwargs)
        expected = brute.average(brute.recall, distance, gains, at)
        check(curves.recall_at(counts, [at]), [expected], **kwargs)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(1, 8),
)
def test_any_small_case_is_the_mean_over_all_orders(items, at):
    distance, gains = np.array(items).T
    counts = histograms.histogram(distance[None], gains[None], bits=3)
    for ours, theirs in (
        (ranking.average_precision, brute.average_precision),
        (graded.ndcg, brute.ndcg),
        (graded.acg, brute.acg),
    ):
        expected = brute.average(theirs, distance, gains, at)
        np.testing.assert_allclose(ours(counts, at), [expected], rtol=1e-12, atol=1e-12)
        assert ours(counts, at)[0] <= (3 if ours is graded.acg else 1) + 1e-12


def test_an_ideal_ranking_has_ndcg_1():
    counts = histograms.histogram(np.array([[0, 1, 2, 2]]), np.array([[3, 2, 0, 0]]), bits=2)
    for at in (None, 1, 2, 3, 9):
        np.testing.assert_allclose(graded.ndcg(counts, at), [1.0])
