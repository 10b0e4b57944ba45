import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.data import order


@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(2, 40), st.integers(1, 10))
def test_an_epoch_shows_no_image_twice(seed, epoch, size, batch_size):
    batch_size = min(batch_size, size)
    steps = size // batch_size
    shown = [order.batch(seed, epoch * steps + i, size, batch_size) for i in range(steps)]
    shown = np.concatenate(shown)
    assert len(set(shown)) == len(shown) == steps * batch_size
    assert shown.min() >= 0 and shown.max() < size


def test_seeds_and_epochs_differ_and_a_step_can_be_repeated():
    batches = [order.batch(seed, step, 100, 50).tolist() for seed in (0, 1) for step in (0, 2)]
    assert len({tuple(batch) for batch in batches}) == 4
    assert order.batch(1, 2, 100, 50).tolist() == batches[3]
