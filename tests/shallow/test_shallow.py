"""Shallow hashing against scikit-learn, SciPy and the laws that the papers prove."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from jaxhash.errors import UserError
from jaxhash.shallow import itq, lsh, pcah


def vectors(count=200, dimensions=6, seed=0):
    """Correlated, around a mean that is not 0."""
    draw = np.random.default_rng(seed)
    return draw.standard_normal((count, dimensions)) @ draw.standard_normal((dimensions,) * 2) + 3


def loss(planes, of):
    """ITQ's, with B = sgn(V R): what a rotation of the same components can lower."""
    u = planes.project(of)
    return np.square(np.where(u >= 0, 1.0, -1.0) - u).sum()


@pytest.mark.parametrize("bits", [1, 3, 6])
def test_pcah_is_scikit_learns_pca(bits):
    of = vectors()
    expected = PCA(bits).fit(of).transform(of)
    found = pcah.fit(of, bits).project(of)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_itq_ends_at_the_best_rotation_to_its_own_codes(bits):
    of = vectors()
    components, planes = pcah.fit(of, bits), itq.fit(of, bits, rounds=300)
    codes = np.where(planes.project(of) >= 0, 1.0, -1.0)
    best, _ = orthogonal_procrustes(components.project(of), codes)
    np.testing.assert_allclose(planes.directions, components.directions @ best, atol=1e-6)


@given(seed=st.integers(0, 1_000), rounds=st.integers(0, 10))
def test_a_round_of_itq_never_raises_its_loss(seed, rounds):
    of = vectors(seed=seed)
    before, after = (itq.fit(of, 4, seed, count) for count in (rounds, rounds + 1))
    assert loss(after, of) <= loss(before, of) + 1e-9
    # A rotation within the space of the principal components.
    space = pcah.fit(of, 4).directions
    np.testing.assert_allclose(space @ space.T @ after.directions, after.directions, atol=1e-9)


def test_lsh_tells_angles():
    of = vectors(2_000)
    planes = lsh.fit(of, 20_000, seed=1)
    pair = of[:2] - planes.mean
    cosine = pair[0] @ pair[1] / np.prod(np.linalg.norm(pair, axis=1))
    bits = planes.project(of[:2]) >= 0
    assert np.mean(bits[0] != bits[1]) == pytest.approx(np.arccos(cosine) / np.pi, abs=0.015)


@pytest.mark.parametrize("method", [itq, lsh, pcah])
def test_a_seed_repeats(method):
    one, again = (method.fit(vectors(), 4, seed=7) for _ in range(2))
    assert (one.directions == again.directions).all()


@pytest.mark.parametrize("method", [itq, pcah])
@pytest.mark.parametrize("shape", [(200, 3), (4, 6), (0, 6)])
def test_too_little_to_fit(method, shape):
    with pytest.raises(UserError, match=r"^4 bits: \d+ vectors of \d dimensions have at most \d "):
        method.fit(np.ones(shape), 4)
