"""Exact search by cosine, against a ranking made here query by query."""

import numpy as np
import pytest

from jaxhash.metrics import exact, unseen
from jaxhash.metrics.exact import Described


def test_a_value_worked_by_hand():
    """Cosines .6, .8 and 0: the relevant second and third nearest give (1/2 + 2/3) / 2."""
    database = Described(
        np.array([[3.0, 4.0], [40.0, 30.0], [0.0, 0.0]]), np.array([[1, 0], [0, 1], [1, 0]])
    )
    query = Described(np.array([[2.0, 0.0]]), np.array([[1, 0]]))
    assert exact.cosine_map(query, database) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert exact.cosine_map(query, database, 2) == pytest.approx(1 / 4)


@pytest.mark.parametrize("map_at", [None, 7])
def test_many_queries_of_several_labels(map_at, monkeypatch):
    monkeypatch.setattr(exact, "ROWS", 4)
    random = np.random.RandomState(0)
    queries, database = (
        Described(random.randn(count, 5).astype(np.float16), random.rand(count, 3) < 0.4)
        for count in (10, 60)
    )
    expected = []
    for vector, labels in zip(*queries, strict=True):
        cosines = [
            float(np.dot(vector.astype(float), x) / np.linalg.norm(vector.astype(float)))
            / np.linalg.norm(x)
            for x in database.vectors.astype(float)
        ]
        hits, total = [], (database.labels @ labels > 0).sum()
        for place in sorted(range(60), key=lambda place: -cosines[place])[:map_at]:
            hits.append(bool((database.labels[place] & labels).any()))
        precision = [sum(hits[: n + 1]) / (n + 1) for n, hit in enumerate(hits) if hit]
        expected.append(sum(precision) / max(min(map_at or 60, total), 1))
    assert exact.cosine_map(queries, database, map_at) == pytest.approx(np.mean(expected))


def test_by_kinds_of_classes():
    """An unseen class whose vectors are those of a seen one is found by chance among all."""
    labels = np.eye(3, dtype=np.uint8)[[0, 0, 1, 1, 2, 2]]
    images = Described(np.eye(2)[[0, 0, 1, 1, 1, 1]], labels)
    found = unseen.of_kinds(images, images, [2], exact.cosine_map)
    assert found["seen@seen"] == 1.0 and found["unseen@unseen"] == 1.0
    # Tied with the two images of class 1, which come first: (1/3 + 2/4) / 2.
    assert found["unseen@all"] == pytest.approx((1 / 3 + 2 / 4) / 2)
