import numpy as np
import pytest

from jaxhash.metrics import hamming

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize("bits", [1, 7, 12, 48, 64, 65, 128, 200])
def test_distances_count_the_bits_that_differ(bits):
    queries, database = RANDOM.randint(0, 2, (5, bits)), RANDOM.randint(0, 2, (9, bits))
    expected = (queries[:, None] != database[None]).sum(axis=2)
    pack = [np.packbits(x.astype(bool), axis=1) for x in (queries, database)]
    assert np.array_equal(hamming.distances(*pack), expected)


def test_slices_do_not_matter(monkeypatch):
    queries, database = (RANDOM.randint(0, 256, (n, 10), np.uint8) for n in (3, 50))
    whole = hamming.distances(queries, database)
    monkeypatch.setattr(hamming, "SLICE", 7)
    assert np.array_equal(hamming.distances(queries, database), whole)


def test_bits_shared_are_counted_too():
    labels = RANDOM.randint(0, 2, (20, 81))
    words = hamming.words(np.packbits(labels.astype(bool), axis=1))
    shared = np.empty(20, np.uint8)
    hamming.count_bits(np.bitwise_and, words[:, 4], words, shared)
    assert np.array_equal(shared, labels @ labels[4])
