"""The four measures of unseen classes, against the evaluator on parts that are cut out here."""

import numpy as np
import pytest

from jaxhash.metrics import unseen
from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.hamming import Coded


def coded(labels, codes):
    return Coded(np.array(codes, np.uint8)[:, None], np.eye(3, dtype=np.uint8)[labels])


def test_values_worked_by_hand():
    # Class 2 is unseen, and the network gives its first image the code of class 0.
    database = coded([0, 1, 2, 2], [0b0000, 0b1111, 0b0000, 0b0001])
    queries = coded([0, 2], [0b0000, 0b0000])
    found = unseen.by_kind(queries, database, 8, [2])
    # The query of class 0: first alone among the seen; tied with one wrong image in the whole.
    assert found["seen@seen"] == 1.0
    assert found["seen@all"] == pytest.approx((1 + 1 / 2) / 2)
    # The query of class 2: both of its own; among all, tied with one wrong image and then right:
    # (1 + 2/3) / 2 and (1/2 + 2/3) / 2 on average.
    assert found["unseen@unseen"] == 1.0
    assert found["unseen@all"] == pytest.approx(((1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 2)
    assert tuple(found) == unseen.MEASURES


@pytest.mark.parametrize("map_at", [None, 7])
def test_each_measure_is_the_evaluators_on_a_part(map_at):
    random = np.random.RandomState(0)
    bits = 12

    def draw(count):
        labels = np.eye(5, dtype=np.uint8)[random.randint(5, size=count)]
        return Coded(np.packbits(random.rand(count, bits) < 0.5, axis=1), labels)

    queries, database, left_out = draw(20), draw(90), (1, 4)
    found = unseen.by_kind(queries, database, bits, left_out, map_at)
    for name, value in found.items():
        asking, scope = name.split("@")
        of = {
            kind: [
                np.isin(side.labels.argmax(axis=1), left_out) == (kind == "unseen")
                if kind != "all"
                else np.ones(len(side.labels), bool)
                for side in (queries, database)
            ]
            for kind in ("seen", "unseen", "all")
        }
        asked = Coded(*(part[of[asking][0]] for part in queries))
        searched = Coded(*(part[of[scope][1]] for part in database))
        assert value == mean_average_precision(asked, searched, bits, map_at)
