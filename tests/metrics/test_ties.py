import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.metrics import ties

RANDOM = np.random.RandomState(0)


def by_hand(distance, chosen):
    return [sum(int(d == distance[c]) for d in distance[:c]) for c in chosen]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_places_are_those_of_a_count(distance, random):
    chosen = np.array([i for i in range(len(distance)) if random.random() < 0.4], np.intp)
    found = ties.places(np.array(distance, np.uint8), chosen, bits=9)
    assert found.items.tolist() == [distance.count(d) for d in range(10)]
    assert found.distance.tolist() == [distance[c] for c in chosen]
    assert found.before.tolist() == by_hand(distance, chosen)


@pytest.mark.parametrize("bits", [1, 7, 8, 12, 48, 64, 255, 256, 300])
@pytest.mark.parametrize("slice_", [64, 100, 1 << 16])
def test_lengths_slices_and_bits_of_any_number(bits, slice_, monkeypatch):
    monkeypatch.setattr(ties, "SLICE", slice_)
    dtype = np.min_scalar_type(bits)
    for length in (1, 63, 64, 65, 200, 257):
        distance = RANDOM.randint(0, bits + 1, length).astype(dtype)
        distance[-1] = bits
        chosen = np.flatnonzero(RANDOM.rand(length) < 0.5)
        found = ties.places(distance, chosen, bits)
        assert np.array_equal(found.items, np.bincount(distance, minlength=bits + 1))
        assert found.before.tolist() == by_hand(distance.tolist(), chosen)


def test_marks_part_the_items():
    distance = RANDOM.randint(0, 13, 128).astype(np.uint8)
    marks = np.unpackbits(
        ties.equal_to_each(distance, 12).view(np.uint8), axis=1, bitorder="little"
    )
    assert np.array_equal(marks, distance == np.arange(13)[:, None])
