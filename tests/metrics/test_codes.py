import numpy as np
import pytest

from jaxhash.metrics import codes

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize(("count", "bits"), [(1, 8), (30, 5), (1000, 12), (200, 70)])
def test_bits_equal_numpy(count, bits, monkeypatch):
    monkeypatch.setattr(codes, "BLOCK", 300)
    ones = RANDOM.rand(count, bits) < RANDOM.rand(bits)
    ones[:, 0] = True  # never changes
    ones[:, 1] = ~ones[:, 2]
    found = codes.bits(np.packbits(ones, axis=1), bits)
    np.testing.assert_allclose(found.balance, ones.mean(axis=0), rtol=1e-12)
    changing = ones.std(axis=0) > 0
    if changing.sum() > 1:
        expected = np.corrcoef(ones[:, changing].T.astype(float))
        got = found.correlation[np.ix_(changing, changing)]
        np.testing.assert_allclose(got, expected, atol=1e-12)
    assert (found.correlation[~changing] == 0).all()
    assert (found.correlation[:, ~changing] == 0).all()


def test_mean_correlation_is_over_pairs_of_different_bits():
    ones = RANDOM.rand(500, 6) < 0.4
    found = codes.bits(np.packbits(ones, axis=1), 6).correlation
    pairs = [abs(np.corrcoef(ones[:, i], ones[:, j])[0, 1]) for i in range(6) for j in range(i)]
    np.testing.assert_allclose(codes.mean_correlation(found), np.mean(pairs))
    copies = np.repeat(ones[:, :1], 4, axis=1)
    found = codes.bits(np.packbits(copies, axis=1), 4).correlation
    np.testing.assert_allclose(codes.mean_correlation(found), 1.0)
    assert codes.mean_correlation(np.zeros((1, 1))) == 0.0


@pytest.mark.parametrize("width", [1, 6, 8, 9, 20])
def test_codes_in_use_are_distinct_rows(width):
    some = RANDOM.randint(0, 3, (300, width)).astype(np.uint8)
    some[:, 1:] *= RANDOM.rand() < 0.5
    assert codes.in_use(some) == len({row.tobytes() for row in some})
    assert codes.in_use(some[:1]) == 1 and codes.in_use(some[:0]) == 0
