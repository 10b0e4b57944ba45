"""KSH, SDH and COSDISH: their steps against brute force, and that they learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad

from jaxhash import registry
from jaxhash.config import base
from jaxhash.errors import UserError
from jaxhash.shallow import _kernel, cosdish, itq, ksh, sdh

CLASSES = 3


def clusters(count=150, seed=0):
    """Vectors around the corners of a triangle, and their labels."""
    draw = np.random.default_rng(seed)
    labels = np.eye(CLASSES)[draw.integers(0, CLASSES, count)]
    return draw.normal(size=(count, 4)) + 5 * labels @ np.eye(CLASSES, 4) + 1, labels


def mean_average_precision(u, labels):
    codes = np.where(u >= 0, 1.0, -1.0)
    found = []
    for row in range(len(codes)):
        order = np.argsort(-codes @ codes[row], kind="stable")
        hits = (labels @ labels[row])[order[order != row]] > 0
        found.append((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())
    return np.mean(found)


def signs(draw, *shape):
    return draw.choice([-1.0, 1.0], shape)


@pytest.mark.parametrize("method", [ksh, sdh, cosdish])
def test_codes_of_images_that_were_not_fitted_tell_classes(method):
    options = {} if method is cosdish else {"anchors": 40}
    vectors, labels = clusters()
    function = method.fit(vectors, labels, 8, seed=3, **options)
    others, their = clusters(seed=1)
    assert mean_average_precision(function.project(others), their) > 0.85
    again = method.fit(vectors, labels, 8, seed=3, **options)
    for one, other in zip(function, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [n for n in registry.names("jaxhash.shallow") if n != "none"])
def test_what_a_config_builds_fits_arrays_of_the_shapes_that_it_says(name):
    module = registry.find("jaxhash.shallow", name)
    options = {"anchors": 30} if "anchors" in base().model.shallow[name] else {}
    method = module.build(**options)
    vectors, labels = clusters()
    function = method.fit(vectors, labels, 3, 0)
    assert tuple(np.shape(array) for array in function) == tuple(method.shapes(4, 3))
    u = function.project(vectors)
    assert u.shape == (150, 3) and np.isfinite(u).all()
    np.testing.assert_allclose(function.project(vectors[7:9]), u[7:9], atol=1e-9)


def test_the_kernel_is_centred_and_of_the_published_width():
    vectors, _ = clusters(30)
    kernel = _kernel.around(vectors, 10, np.random.default_rng(0))
    squared = ((vectors[:, None] - kernel.anchors[None]) ** 2).sum(axis=2)
    expected = np.exp(-squared / (2 * squared.mean()))
    np.testing.assert_allclose(kernel.features(vectors), expected - expected.mean(axis=0))
    for anchor in kernel.anchors:
        assert (vectors == anchor).all(axis=1).any()
    with pytest.raises(UserError, match=r"^31 anchors: there are only 30 training images"):
        _kernel.around(vectors, 31, np.random.default_rng(0))


def test_ksh_descends_along_the_gradient_of_its_objective():
    draw = np.random.default_rng(0)
    features, residual = draw.normal(size=(12, 5)), draw.normal(size=(12, 12))
    residual += residual.T

    def value(weights):
        return ksh.negative_agreement(weights, features, residual)[0]

    def gradient(weights):
        return ksh.negative_agreement(weights, features, residual)[1]

    assert check_grad(value, gradient, draw.normal(size=5)) < 1e-4
    smooth = 2 / (1 + np.exp(-features @ np.ones(5))) - 1
    assert value(np.ones(5)) == pytest.approx(-smooth @ residual @ smooth)


def test_each_bit_of_ksh_brings_the_codes_nearer_to_the_labels():
    vectors, labels = clusters()
    bits = 6
    kernel = ksh.fit(vectors, labels, bits, anchors=40)
    codes = np.where(kernel.project(vectors) >= 0, 1.0, -1.0)
    wanted = bits * np.where(labels @ labels.T > 0, 1.0, -1.0)
    left = [np.linalg.norm(wanted - codes[:, :t] @ codes[:, :t].T) for t in range(bits + 1)]
    assert (np.diff(left) < 0).all()


@given(seed=st.integers(0, 300))
def test_sdh_ends_where_no_bit_of_a_code_lowers_the_objective(seed):
    draw = np.random.default_rng(seed)
    codes, classifier = signs(draw, 5, 4), draw.normal(size=(4, 3))
    pull = draw.normal(size=(5, 4))

    def objective(codes):
        return ((codes @ classifier) ** 2).sum() - 2 * (codes * pull).sum()

    found = sdh.discrete(codes, classifier, pull)
    assert objective(found) <= objective(codes) + 1e-9
    for i, k in itertools.product(range(5), range(4)):
        flipped = found.copy()
        flipped[i, k] *= -1
        assert objective(flipped) >= objective(found) - 1e-9


def test_the_classifier_of_sdh_is_a_ridge_regression():
    draw = np.random.default_rng(0)
    codes, labels = signs(draw, 20, 3), draw.normal(size=(20, 2))
    found = sdh.classifier_of(codes, labels, decay=0.7)

    def objective(weights):
        return ((labels - codes @ weights) ** 2).sum() + 0.7 * (weights**2).sum()

    for shift in draw.normal(scale=1e-3, size=(20, 3, 2)):
        assert objective(found + shift) > objective(found)


@given(seed=st.integers(0, 300))
def test_cosdish_ends_where_no_flip_of_a_sampled_bit_lowers_the_objective(seed):
    draw = np.random.default_rng(seed)
    count, bits = 9, 4
    codes = signs(draw, count, bits)
    sampled = np.sort(draw.permutation(count)[:bits])
    rest = np.delete(np.arange(count), sampled)
    similar = draw.normal(size=(count, count))
    wanted = np.where(similar + similar.T > 0, 1.0, -0.4)[:, sampled]

    def objective(own):
        whole = codes.copy()
        whole[sampled] = own
        apart = (bits * wanted - whole @ own.T) ** 2
        apart[sampled, np.arange(bits)] = 0  # an image with itself: the same whatever its code
        return apart.sum()

    found = cosdish.sampled_codes(codes[sampled], codes[rest], wanted, sampled, rest)
    assert objective(found) <= objective(codes[sampled]) + 1e-9
    for i, k in itertools.product(range(bits), range(bits)):
        flipped = found.copy()
        flipped[i, k] *= -1
        assert objective(flipped) >= objective(found) - 1e-9


def test_cosdish_weighs_dissimilar_pairs_by_their_number():
    labels = np.eye(2)[[0, 0, 0, 1]]
    assert cosdish._ratio(labels) == pytest.approx(10 / 6)
    assert cosdish._ratio(np.ones((3, 1))) == 1


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ksh, {"anchors": 0}),
        (ksh, {"labelled": 0}),
        (sdh, {"anchors": 0}),
        (sdh, {"rounds": 0}),
        (cosdish, {"rounds": 0}),
        (cosdish, {"turns": 0}),
    ],
)
def test_an_option_out_of_its_range(method, options):
    with pytest.raises(UserError, match=r"^model\.shallow\.\w+: expected .* of at least 1"):
        method.build(**options)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (itq, {"rounds": -1}, r"itq\.rounds=-1: expected at least 0"),
        (sdh, {"decay": 0.0}, r"sdh: expected decay above 0"),
        (sdh, {"penalty": -1.0}, r"sdh: expected .* penalty of at least 0"),
    ],
)
def test_an_option_that_would_do_nothing_or_harm(method, options, message):
    with pytest.raises(UserError, match=rf"^model\.shallow\.{message}"):
        method.build(**options)


def test_more_bits_than_images():
    vectors, labels = clusters(4)
    with pytest.raises(UserError, match=r"^4 bits: expected more than 4 training images, not 4"):
        cosdish.fit(vectors, labels, 4)
