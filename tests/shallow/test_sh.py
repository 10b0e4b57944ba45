"""Spectral hashing against a loop over all candidates, and where the waves are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from jaxhash.errors import UserError
from jaxhash.shallow import sh


def reference(vectors, bits):
    """As the paper's code: the eigenvalues of all waves along one component, the smallest kept."""
    used = min(bits, vectors.shape[1])
    z = PCA(used, svd_solver="full").fit_transform(vectors)
    low, high = z.min(axis=0), z.max(axis=0)
    span = high - low
    most = np.ceil((bits + 1) * span / span.max()).astype(int)
    modes = [np.eye(used)[i] * k for i in range(used) for k in range(1, most[i])]
    omega = np.array(modes) * np.pi / span
    kept = np.argsort((omega**2).sum(axis=1), kind="stable")[:bits]
    y = np.sin((z - low)[:, None] * omega[kept] + np.pi / 2)
    return np.prod(y, axis=2)


@given(seed=st.integers(0, 500), bits=st.integers(1, 9))
def test_waves_are_those_of_a_loop_over_all_candidates(seed, bits):
    draw = np.random.default_rng(seed)
    vectors = draw.uniform(size=(60, 4)) @ draw.normal(size=(4, 4)) + 2
    found, expected = sh.fit(vectors, bits).project(vectors), reference(vectors, bits)
    # The sign of a component is free: a wave of even number is the same from both ends, one of odd
    # number changes its sign.
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-6)
    products = (found * expected).sum(axis=0)
    np.testing.assert_allclose(np.abs(products), (found**2).sum(axis=0), rtol=1e-6)


def test_a_bit_halves_the_longest_side_first():
    box = np.stack(np.meshgrid(np.linspace(0, 5, 60), np.linspace(0, 1, 20)), -1).reshape(-1, 2)
    bit = sh.fit(box, 1).project(box)[:, 0] >= 0
    left = box[:, 0] < 2.5
    assert (bit == left).all() or (bit != left).all()


@pytest.mark.parametrize("shape", [(4, 6), (0, 6)])
def test_too_little_to_fit(shape):
    with pytest.raises(UserError, match=r"^4 bits: \d+ vectors of \d dimensions have at most \d "):
        sh.fit(np.ones(shape), 4)
