import numpy as np

from jaxhash.metrics import bootstrap

RANDOM = np.random.RandomState(0)


def test_interval_is_that_of_the_normal_law_for_many_values():
    values = RANDOM.rand(4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    low, high = bootstrap.interval(values, resamples=4000)
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=1e-3)


def test_nineteen_of_twenty_intervals_hold_the_mean():
    inside = 0
    for seed in range(300):
        low, high = bootstrap.interval(RANDOM.rand(50), seed=seed, resamples=400)
        inside += low <= 0.5 <= high
    assert 0.90 < inside / 300 < 0.98


def test_the_seed_settles_it_and_blocks_do_not_matter(monkeypatch):
    values = RANDOM.rand(37)
    whole = bootstrap.interval(values)
    assert bootstrap.interval(values) == whole != bootstrap.interval(values, seed=1)
    monkeypatch.setattr(bootstrap, "BLOCK_DRAWS", 100)
    assert bootstrap.interval(values) == whole


def test_a_single_query_has_no_spread():
    assert bootstrap.interval(np.array([0.25])) == (0.25, 0.25)


def test_intervals_are_those_of_the_results_that_are_stored():
    """As before SciPy drew them: results of different versions are compared."""
    low, high = bootstrap.interval(np.random.RandomState(1000).rand(1000))
    np.testing.assert_allclose([low, high], [0.4716406098341801, 0.5081797362383713], rtol=1e-12)
