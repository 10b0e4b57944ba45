import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.data import sampler
from jaxhash.errors import UserError


@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(2, 40), st.integers(1, 10))
def test_an_epoch_shows_no_image_twice(seed, epoch, size, batch_size):
    batch_size = min(batch_size, size)
    steps = size // batch_size
    shown = [sampler.shuffled(seed, epoch * steps + i, size, batch_size) for i in range(steps)]
    shown = np.concatenate(shown)
    assert len(set(shown)) == len(shown) == steps * batch_size
    assert shown.min() >= 0 and shown.max() < size


@pytest.mark.parametrize("name", sampler.ORDERS)
def test_seeds_and_epochs_differ_and_a_step_can_be_repeated(name):
    labels = np.eye(10, dtype=np.uint8)[np.arange(100) % 10]
    orders = [sampler.build(name, seed, labels, 50) for seed in (0, 1)]
    steps = sampler.epoch(name, 100, 50)
    batches = [own(step).tolist() for own in orders for step in (0, steps)]
    assert len({tuple(batch) for batch in batches}) == 4
    assert orders[1](steps).tolist() == batches[3]


@given(st.integers(0, 2**31), st.integers(0, 3), st.integers(64, 3_000))
def test_a_sampled_epoch_passes_three_times_over_two_thousand_images(seed, epoch, size):
    steps = sampler.epoch("sampled", size, 64)
    each = min(2_000, size) // 64
    assert steps == 3 * each
    shown = [sampler.sampled(seed, epoch * steps + step, size, 64) for step in range(steps)]
    passes = [np.concatenate(shown[start : start + each]) for start in range(0, steps, each)]
    for one in passes:
        assert len(set(one)) == len(one) == each * 64
    assert len(set(np.concatenate(passes))) <= min(2_000, size)
    assert not np.array_equal(passes[0], passes[1])


@given(
    st.integers(0, 2**31),
    st.lists(st.integers(3, 12), min_size=2, max_size=5),
    st.integers(0, 4),
    st.integers(0, 5),
)
def test_balanced_batches_hold_the_classes_that_there_are_alike(seed, sizes, rest, absent):
    count = len(sizes)
    classes = np.random.RandomState(seed).permutation(np.repeat(np.arange(count), sizes))
    labels = np.insert(np.eye(count, dtype=np.uint8)[classes], min(absent, count), 0, axis=1)
    size = min(2 * count + rest, len(labels))
    own = sampler.build("class_balanced", seed, labels, size)
    for step in range(6):
        batch = own(step)
        shown = labels[batch].sum(axis=0)
        assert len(batch) == size == shown.sum()
        assert sorted(shown)[1] >= size // count and max(shown) <= -(-size // count)


def test_balanced_epochs_show_every_image_of_even_classes_once():
    labels = np.eye(4, dtype=np.uint8)[np.random.RandomState(0).permutation(40) % 4]
    own = sampler.build("class_balanced", 3, labels, 8)
    for epoch in range(3):
        shown = np.concatenate([own(5 * epoch + step) for step in range(5)])
        assert sorted(shown) == list(range(40))


@pytest.mark.parametrize(
    ("name", "batch", "labels", "message"),
    [
        ("shufled", 4, np.eye(4), "did you mean shuffled"),
        ("shuffled", 5, np.eye(4), "only 4 training images"),
        ("class_balanced", 4, np.eye(4).repeat(2, axis=0), "4 classes need at least 8 images"),
        ("class_balanced", 4, np.ones((4, 2)), "exactly one label"),
        ("sampled", 2_048, np.ones((4_096, 1)), "sampled has 2,000 images an epoch"),
    ],
)
def test_batches_that_cannot_be_filled_are_refused(name, batch, labels, message):
    with pytest.raises(UserError, match=message):
        sampler.build(name, 0, labels.astype(np.uint8), batch)
