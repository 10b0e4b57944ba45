import numpy as np

from jaxhash.evaluate import evaluate
from jaxhash.metrics import hamming
from jaxhash.metrics.hamming import Coded

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
    monkeypatch.setattr(hamming, "BLOCK_PAIRS", 100)
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
