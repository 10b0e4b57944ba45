import numpy as np
import pytest

from jaxhash.metrics import hamming
from jaxhash.metrics.hamming import Coded

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize("bits", [1, 7, 12, 48, 64, 65, 128, 200])
def test_distances_count_the_bits_that_differ(bits):
    queries, database = RANDOM.randint(0, 2, (5, bits)), RANDOM.randint(0, 2, (9, bits))
    expected = (queries[:, None] != database[None]).sum(axis=2)
    pack = [np.packbits(x.astype(bool), axis=1) for x in (queries, database)]
    assert np.array_equal(hamming.distances(*pack), expected)


def test_blocks_cover_every_query_once_in_order(monkeypatch):
    monkeypatch.setattr(hamming, "BLOCK_PAIRS", 20)
    codes, labels = RANDOM.randint(0, 256, (7, 2), np.uint8), RANDOM.randint(0, 2, (7, 3))
    items = Coded(codes, labels)
    pieces = list(hamming.blocks(items, items))
    assert len(pieces) > 1
    distance, relevant = (np.concatenate(part) for part in zip(*pieces, strict=True))
    assert np.array_equal(distance, hamming.distances(codes, codes))
    assert np.array_equal(relevant, [[bool((a & b).any()) for b in labels] for a in labels])
