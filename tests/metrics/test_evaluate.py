import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.metrics import counting
from jaxhash.metrics.evaluate import evaluate, mean_average_precision
from jaxhash.metrics.hamming import Coded
from tests.metrics import brute

RANDOM = np.random.RandomState(0)


def random_codes(count, bits, labels=4):
    codes = np.packbits(RANDOM.rand(count, bits) < 0.5, axis=1)
    return Coded(codes, np.eye(labels, dtype=np.uint8)[RANDOM.randint(0, labels, count)])


def brute_force_map(queries, database, at):
    """mAP with ties by index: a dot product, an argsort and a loop a query."""
    values = []
    for code, label in zip(queries.codes, queries.labels, strict=True):
        distance = [int(np.unpackbits(code ^ other).sum()) for other in database.codes]
        order = sorted(range(len(distance)), key=lambda i: (distance[i], i))
        hits = [bool(label @ database.labels[i]) for i in order]
        precisions = [np.mean(hits[: n + 1]) for n in range(at) if hits[n]]
        values.append(sum(precisions) / max(min(at, sum(hits)), 1))
    return np.mean(values)


def test_map_by_index_equals_brute_force():
    queries, database = random_codes(6, 10), random_codes(40, 10)
    for at in (None, 15):
        expected = brute_force_map(queries, database, at or 40)
        np.testing.assert_allclose(evaluate(queries, database, 10, at)["map_index"], expected)


def test_blocks_change_nothing(monkeypatch):
    queries, database = random_codes(20, 16), random_codes(50, 16)
    whole = evaluate(queries, database, 16, 30)
    monkeypatch.setattr(counting, "BLOCK_PAIRS", 100)
    monkeypatch.setattr(counting, "THREADED", 50)
    assert evaluate(queries, database, 16, 30) == whole


def test_equal_codes_give_the_share_of_relevant_items():
    """All items tied: precision at any place is the share that is relevant, whatever the order."""
    queries, database = random_codes(8, 12), random_codes(60, 12)
    same = [Coded(np.zeros_like(c.codes), c.labels) for c in (queries, database)]
    numbers = evaluate(*same, 12)
    share = (queries.labels @ database.labels.T).mean()
    np.testing.assert_allclose(numbers["precision_at_radius_2"], share)
    np.testing.assert_allclose(numbers["precision_at"]["10"], share)
    assert numbers["codes_in_use"] == 1 and numbers["bit_balance"] == [0.0] * 12


def test_queries_without_relevant_items_are_counted():
    queries, database = random_codes(4, 8), random_codes(9, 8)
    nothing = Coded(database.codes, np.zeros_like(database.labels))
    numbers = evaluate(queries, nothing, 8)
    assert numbers["map"] == numbers["map_index"] == 0
    assert numbers["queries_without_relevant"] == 1


def test_a_small_case_equals_the_mean_over_all_orders(monkeypatch):
    """Every number that ties could move, by averaging over all orders of a tiny database."""
    monkeypatch.setattr("jaxhash.metrics.evaluate.PRECISION_AT", (1, 3, 6, 7))
    monkeypatch.setattr("jaxhash.metrics.evaluate.GRADED_AT", (2, 6, 7))
    labels = (RANDOM.rand(10, 4) < 0.5).astype(np.uint8)
    bits = RANDOM.rand(10, 3) < 0.5
    codes = np.packbits(bits, axis=1)
    queries, database = Coded(codes[:4], labels[:4]), Coded(codes[4:], labels[4:])
    distance = brute.distances(bits[:4], bits[4:])
    gains = labels[:4].astype(int) @ labels[4:].T

    def mean(metric, at):
        pairs = zip(distance, gains, strict=True)
        return np.mean([brute.average(metric, d, g, at) for d, g in pairs])

    for map_at in (None, 4):
        numbers = evaluate(queries, database, 3, map_at)
        np.testing.assert_allclose(numbers["map"], mean(brute.average_precision, map_at))
        alone = mean_average_precision(queries, database, 3, map_at)
        assert alone == numbers["map"]
    assert set(numbers["precision_at"]) == set(numbers["recall_at"]) == {"1", "3", "6"}
    assert set(numbers["ndcg_at"]) == set(numbers["acg_at"]) == {"2", "6"}
    for name, metric in (
        ("precision_at", brute.precision),
        ("recall_at", brute.recall),
        ("ndcg_at", brute.ndcg),
        ("acg_at", brute.acg),
    ):
        for at, value in numbers[name].items():
            np.testing.assert_allclose(value, mean(metric, int(at)), rtol=1e-12)
    within = (distance <= 2) & (gains > 0)
    recall = within.sum(axis=1) / np.maximum((gains > 0).sum(axis=1), 1)
    np.testing.assert_allclose(numbers["recall_at_radius_2"], recall.mean())


def test_hits_denominator_equals_brute_force():
    queries, database = random_codes(6, 10), random_codes(40, 10)
    values = []
    for code, label in zip(queries.codes, queries.labels, strict=True):
        distance = [int(np.unpackbits(code ^ other).sum()) for other in database.codes]
        hits = np.array(brute.by_index(distance, database.labels @ label))[:7] > 0
        places = np.flatnonzero(hits) + 1
        values.append((np.arange(1, len(places) + 1) / places).mean() if len(places) else 0)
    got = evaluate(queries, database, 10, 7)["map_index_hits"]
    np.testing.assert_allclose(got, np.mean(values))


@pytest.mark.parametrize("case", ["one item", "nothing relevant", "k larger than the database"])
def test_degenerate_databases_give_finite_numbers_that_json_can_hold(case):
    queries, database = random_codes(5, 8), random_codes(1 if case == "one item" else 12, 8)
    if case == "nothing relevant":
        database = Coded(database.codes, np.zeros_like(database.labels))
    numbers = json.loads(json.dumps(evaluate(queries, database, 8, 5000)))
    for value in (numbers["map"], numbers["recall_at_radius_2"], numbers["bit_correlation"]):
        assert 0 <= value <= 1
    low, high = numbers["map_interval"]
    assert low <= numbers["map"] <= high
    if case == "nothing relevant":
        assert numbers["map"] == high == numbers["recall_at_radius_2"] == 0
        assert set(numbers["recall_at"].values()) == {0.0}


def test_the_interval_holds_the_mean_and_shrinks_with_queries():
    database = random_codes(200, 6)
    widths = []
    for count in (20, 500):
        numbers = evaluate(random_codes(count, 6), database, 6)
        low, high = numbers["map_interval"]
        assert low < numbers["map"] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 90), st.sampled_from([0, 0.1]))
def test_no_share_is_above_one_by_rounding(seed, queries, items, flips):
    """Of nearly perfect rankings, whose closed forms round up; results above 1 are read by none."""
    random = np.random.RandomState(seed)

    def drawn(count):
        labels = np.eye(2, dtype=np.uint8)[random.randint(0, 2, count)]
        bits = np.repeat(labels[:, :1], 16, axis=1) ^ (random.rand(count, 16) < flips)
        return Coded(np.packbits(bits, axis=1), labels)

    for map_at in (None, 7):
        found = evaluate(drawn(queries), drawn(items), 16, map_at)
        shares = [found[name] for name in ("map", "map_index", "map_index_hits")]
        shares += found["map_interval"]
        for name in ("precision_at", "recall_at", "ndcg_at"):
            shares += found[name].values()
        for points in found["precision_recall"].values():
            shares += points
        assert min(shares) >= 0 and max(shares) <= 1
