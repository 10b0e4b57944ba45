import numpy as np
import pytest

from jaxhash.metrics.relevance import SharedLabels

RANDOM = np.random.RandomState(0)


def single(count, classes):
    labels = np.eye(classes, dtype=np.uint8)[RANDOM.randint(0, classes, count)]
    labels[RANDOM.rand(count) < 0.2] = (
        0  # some without a label, who share none, not with each other
    )
    return labels


def several(count, classes):
    return (RANDOM.rand(count, classes) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("classes", [1, 3, 10, 64, 65, 300])
@pytest.mark.parametrize("queries", [single, several])
@pytest.mark.parametrize("database", [single, several])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_gains_are_the_products_of_labels(classes, queries, database, dtype):
    rows, columns = queries(7, classes), database(50, classes)
    shared = SharedLabels(rows.astype(dtype), columns.astype(dtype))
    expected = rows.astype(int) @ columns.T.astype(int)
    assert shared.grades > expected.max() and shared.grades >= 2
    for query, gains in enumerate(expected):
        found = shared.with_query(query)
        assert np.array_equal(found.items, np.flatnonzero(gains))
        assert np.array_equal(found.gains, gains[gains > 0])


def test_nobody_has_a_label():
    shared = SharedLabels(np.zeros((2, 4)), np.zeros((3, 4)))
    assert len(shared.with_query(1).items) == 0
