"""The lines that a run says of its data."""

import numpy as np
import pytest

from jaxhash.data import Data, left_out, summary
from jaxhash.data.datasets import Pool
from jaxhash.data.protocols import Protocol, Split

CLASSES = ["cat", "dog", "Dog", "owl"]
LABELS = np.array(
    [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4],
    np.uint8,
)


def data(query, database, labels=LABELS, names=CLASSES, per_class=None):
    count = len(labels)
    ids = np.arange(count).astype(str)
    pool = Pool(np.zeros((count, 1, 1, 1), np.uint8), labels, ids, ids, list(names))
    split = Split(np.array(database), np.array(query), np.array(database), "")
    return Data(pool, Protocol(per_class, None, "train", None), split, 0)


def test_all_that_is_said_of_odd_data():
    assert summary.lines(data([0, 4, 6], [1, 2, 3, 5])) == [
        "4 classes: largest cat (2 images), smallest Dog (1 image); 1 image without a label",
        "classes whose names look alike: dog and Dog; they count as different",
        "2 of 3 queries (66.7%) have no relevant image in the database",
        "2 of 4 classes (50.0%) have fewer than 2 images, which a query needs: Dog (1), owl (1)",
    ]


def test_nothing_more_is_said_of_good_data():
    labels = np.tile(np.eye(3, dtype=np.uint8), (400, 1))
    found = data(range(30), range(30, 1200), labels, ["a", "b", "c"], per_class=10)
    assert summary.lines(found) == ["3 classes: largest a (400 images), smallest a (400 images)"]


def test_counts_do_not_overflow():
    labels = np.ones((1000, 1), np.uint8)
    assert summary.classes(labels, ["a"]) == "1 class: a (1,000 images)"
    assert summary.too_few(labels, ["a"], 1001)[0].endswith("which a query needs: a (1,000)")


def test_queries_with_nothing_relevant_are_those_that_a_search_shows():
    random = np.random.RandomState(0)
    queries, database = (random.rand(n, 30) < 0.03 for n in (200, 20))
    relevant = (queries.astype(int) @ database.T.astype(int)).any(axis=1)
    count = (~relevant).sum()
    [line] = summary.nothing_relevant(queries, database)
    assert 0 < count < 200 and line.startswith(f"{count} of 200 queries ({count / 200:.1%}) have")


def test_accents_of_two_forms_look_alike():
    assert summary.alike(["é", "e\u0301", "e"]) != [] == summary.alike(["é", "e"])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_many_are_named_in_part(count):
    names = [f"class{number}" for number in range(count)]
    lines = summary.too_few(np.zeros((1, count)), names, 2)
    assert bool(lines) == bool(count)
    if count == 5:
        assert lines[0].endswith(": class0 (0), class1 (0), class2 (0), ...")


def test_what_is_left_out_is_counted_by_reason(tmp_path):
    assert left_out.lines("coco", tmp_path) == []
    reasons = ["a (1): x"] * 3 + ["b: y", "b"] + ["c", "d", "e"]
    left_out.write(tmp_path, [(f"x\n{n}\u2028\t", why) for n, why in enumerate(reasons)])
    [line] = left_out.lines("coco", tmp_path)
    assert line == (
        f"coco: 8 files are left out (3: a; 2: b; 1: c; 2: other reasons), listed in "
        f"{tmp_path}/skipped.txt"
    )
    listed = (tmp_path / "skipped.txt").read_text().split("\n")
    assert listed[0] == "x\\n0\\u2028\\t\ta (1): x" and len(listed) == 9
