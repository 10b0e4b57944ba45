"""mAP of held-out images among each other, against the evaluator on parts cut out here."""

import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.metrics import held_out
from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.hamming import Coded


@pytest.mark.parametrize(("count", "at"), [(2, None), (7, None), (43, 5)])
def test_each_image_is_searched_among_those_of_the_other_folds(count, at):
    random = np.random.RandomState(count)
    codes = np.packbits(random.rand(count, 12) < 0.5, axis=1)
    labels = np.eye(3, dtype=np.uint8)[random.randint(3, size=count)]
    expected = []
    for image in range(count):
        others = np.arange(count) % min(10, count) != image % min(10, count)
        one = Coded(codes[image : image + 1], labels[image : image + 1])
        rest = Coded(codes[others], labels[others])
        expected.append(mean_average_precision(one, rest, 12, at))
    found = held_out.among_each_other(Coded(codes, labels), 12, at)
    assert found == pytest.approx(np.mean(expected), rel=1e-12)


def test_one_image_is_refused():
    with pytest.raises(UserError, match="images: 1; expected at least two"):
        held_out.among_each_other(Coded(np.zeros((1, 1), np.uint8), np.ones((1, 2), np.uint8)), 8)
