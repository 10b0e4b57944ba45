"""Codes of classes: what the published choice lacks, and what the balanced one has."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from jaxhash.losses import _centres
from jaxhash.losses._centres import balanced, published


def nearest(codes):
    """The smallest distance of two codes."""
    distances = (codes.shape[1] - codes @ codes.T) / 2
    return distances[np.triu_indices(len(codes), 1)].min()


def different(codes):
    """How many columns differ from all others and from the complements of all others."""
    return len(np.unique((codes * codes[:1]).T, axis=0))


def constant(codes):
    return int((np.abs(codes.sum(axis=0)) == len(codes)).sum())


def skew(codes):
    return np.abs(codes.sum(axis=0)).mean() / len(codes)


@pytest.mark.parametrize(
    ("bits", "columns", "constants", "distance"),
    [(16, 16, 1, 8), (32, 16, 2, 16), (64, 16, 4, 32), (128, 16, 8, 64)],
)
def test_published_codes_of_ten_classes_repeat_16_columns(bits, columns, constants, distance):
    """What the other choice is for: at 64 bits, three quarters of them say nothing new."""
    codes = published(10, bits)
    assert (different(codes), constant(codes), nearest(codes)) == (columns, constants, distance)


@pytest.mark.parametrize(
    ("count", "bits", "distance"),
    [
        (10, 16, 8),
        (10, 32, 17),
        (10, 48, 26),
        (10, 64, 35),
        (12, 32, 17),
        (20, 64, 32),
        (81, 48, 24),
        (100, 12, 4),
        (100, 48, 21),
        (100, 64, 32),
    ],
)
def test_balanced_codes_are_as_good_as_their_table_says(count, bits, distance):
    codes = balanced(count, bits)
    assert nearest(codes) == distance and different(codes) == bits and constant(codes) == 0
    assert skew(codes) <= 0.06


@settings(max_examples=10)
@given(st.integers(2, 100), st.integers(8, 128))
@example(12, 127)  # of the columns of one matrix, too few differ
@example(100, 100)  # no matrix of this order
@example(81, 64)  # more classes than rows
@example(2, 8)
@example(100, 8)
def test_balanced_codes(count, bits):
    """No pair is nearer than with the published choice: the slack is nought."""
    codes = balanced(count, bits)
    assert codes.shape == (count, bits) and codes.dtype == np.float32
    assert set(np.unique(codes)) == {-1, 1}
    with threadpool_limits(1):  # a thousand small products
        assert nearest(codes) >= max(nearest(published(count, bits)), 1)
    assert constant(codes) == 0
    columns = math.comb(count, count // 2) // (1 if count % 2 else 2)
    assert different(codes) >= min(bits, columns)
    assert np.array_equal(codes, balanced(count, bits))


@pytest.mark.parametrize("bits", [32, 48])
def test_another_seed_gives_other_codes_as_good(bits):
    codes, other = balanced(10, bits), balanced(10, bits, seed=1)
    assert not np.array_equal(codes, other)
    assert nearest(codes) == nearest(other) and different(other) == bits


@pytest.mark.parametrize(
    ("count", "bits", "distance"), [(129, 16, 5), (200, 128, 64), (256, 128, 64), (300, 12, 2)]
)
def test_many_classes(count, bits, distance):
    codes = balanced(count, bits)
    assert nearest(codes) == distance
    assert different(codes) == bits and constant(codes) == 0


@pytest.mark.parametrize(("count", "bits"), [(1, 8), (2, 1), (10, 1), (10, 3), (300, 4)])
def test_codes_for_fewer_bits_than_classes_need(count, bits):
    codes = balanced(count, bits)
    assert codes.shape == (count, bits) and set(np.unique(codes)) <= {-1, 1}
    assert len(np.unique(codes, axis=0)) >= min(count, 2**bits) // 2


def test_hundred_classes_and_128_bits_take_less_than_a_second():
    before = time.process_time()
    balanced(100, 128)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("order", [1, 2, 4, 8, 12, 20, 24, 44, 48, 64, 104, 128])
def test_rows_of_hadamard_matrices_are_orthogonal(order):
    matrix = _centres._hadamard(order)
    assert np.array_equal(matrix @ matrix.T, order * np.eye(order))
    assert (matrix[:, 0] == 1).all() and set(np.unique(matrix)) <= {-1, 1}


@given(st.integers(2, 20), st.sampled_from([8, 12, 16, 24, 48]))
def test_published_codes_are_far_from_each_other(count, bits):
    codes = published(count, bits)
    assert codes.shape == (count, bits) and set(np.unique(codes)) <= {-1, 1}
    at_least = bits / 2 if bits in (8, 16) and count <= 2 * bits else 1
    assert nearest(codes) >= at_least
    assert np.array_equal(codes, published(count, bits))


def test_a_draw_is_no_worse_than_a_plain_one():
    """Ten codes of 48 bits: the chosen draw keeps 18 bits or more between any two."""
    assert nearest(published(10, 48)) >= 18


@pytest.mark.parametrize("choice", _centres.CHOICES)
def test_the_code_of_divided_labels_is_beside_those_of_the_classes(choice):
    codes, tie = _centres.centres(choice, 10, 32)
    assert codes.shape == (10, 32) and tie.shape == (32,) and set(np.unique(tie)) == {-1, 1}
    assert np.array_equal(codes, getattr(_centres, choice)(10, 32)) or choice == "published"
    again = _centres.centres(choice, 10, 32)
    assert np.array_equal(codes, again[0]) and np.array_equal(tie, again[1])
