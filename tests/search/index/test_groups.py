"""Groups of near-equal codes, against all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from jaxhash.metrics import hamming
from jaxhash.search.index import groups
from jaxhash.search.index.groups import group


def of_all_pairs(codes, radius):
    near = hamming.distances(codes, codes) <= radius
    return connected_components(near, directed=False)[1]


def same_groups(one, other):
    """The labels may differ, not the partition."""
    pairs = {*zip(one.tolist(), other.tolist(), strict=True)}
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


def near_codes(count, size, spread, draw):
    """Some codes, and others that differ from them in a few bits."""
    bits = draw.integers(0, 2, (max(count // 4, 1), 8 * size))
    chosen = bits[draw.integers(0, len(bits), count)]
    return np.packbits(chosen ^ (draw.random(chosen.shape) < spread), axis=1)


@settings(deadline=None, max_examples=150)
@given(
    count=st.integers(0, 60),
    size=st.integers(1, 33),
    radius=st.integers(-1, 12),
    spread=st.sampled_from([0, 0.01, 0.03, 0.5]),
    long=st.sampled_from([1, 3, 512]),
    seed=st.integers(0, 99),
)
def test_groups_are_those_of_all_pairs(count, size, radius, spread, long, seed):
    codes = near_codes(count, size, spread, np.random.default_rng(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "LONG", long)
        found = group(codes, radius)
    assert same_groups(found, of_all_pairs(codes, max(radius, 0)))
    # Numbered in the order of their first codes.
    _, first = np.unique(found, return_index=True)
    assert (np.diff(first) > 0).all() and (not count or found[0] == 0)


@pytest.mark.parametrize("long", [8, 512])
def test_many_pairs_are_joined_in_turns(long, monkeypatch):
    monkeypatch.setattr(groups, "LONG", long)
    monkeypatch.setattr(groups, "PAIRS", 10)
    codes = near_codes(2_000, 16, 0.02, np.random.default_rng(0))
    assert same_groups(group(codes, 4), of_all_pairs(codes, 4))


def test_ten_thousand_equal_codes_and_as_many_near_ones_are_one_group():
    equal = np.zeros((10_000, 32), np.uint8)
    near = np.packbits(np.random.default_rng(0).random((10_000, 256)) < 0.004, axis=1)
    assert (group(np.concatenate([equal, near]), 8) == 0).all()
