import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhash.data import datasets, mosaics, protocols
from jaxhash.data.sets import digits


@pytest.mark.slow
def test_mosaics_show_the_digits_that_they_are_labelled_with(data_dir):
    pool = datasets.load("mosaics", data_dir)
    assert pool.pixels.shape == (4000, 16, 16, 1) and pool.class_names == list("0123456789")
    pixels, classes = digits.images()
    known = {image.tobytes(): label for image, label in zip(pixels, classes, strict=True)}
    for image, row in zip(pool.pixels[:200], pool.labels[:200], strict=True):
        tiles = [image[top : top + 8, left : left + 8] for top in (0, 8) for left in (0, 8)]
        shown = {known[tile.tobytes()] for tile in tiles}
        assert shown == set(np.flatnonzero(row))
    counts = np.bincount(pool.labels.sum(axis=1))
    assert (counts[1:] > 1200).all() and len(counts) == 4


def test_mosaics_are_split_as_their_protocol_says(data_dir):
    pool = datasets.load("mosaics", data_dir)
    protocol = datasets.protocol("mosaics", "mosaics")
    split = protocols.split(protocol, pool.labels, pool.parts, pool.ids, seed=0)
    assert tuple(map(len, split[:3])) == protocol.counts
    assert (pool.labels[split.query].sum(axis=0) >= 10).all()
    assert split.checksum == "c46dad68e51a41e8"


def test_mosaics_of_colour_images_come_from_the_copy_of_cifar10(prepared, monkeypatch):
    from jaxhash.data.sets import cifar10_mosaics

    monkeypatch.setattr(cifar10_mosaics, "COUNT", 12)
    source, pool = (datasets.load(name, str(prepared)) for name in ("cifar10", "cifar10_mosaics"))
    assert pool.pixels.shape == (12, 64, 64, 3)
    tiles = source.pixels[mosaics.draw(source.labels.argmax(axis=1), 12)[3]]
    row = list(pool.ids).index("mosaic_00003")
    assert np.array_equal(pool.pixels[row, :32, 32:], tiles[1])
    assert np.array_equal(pool.pixels[row, 32:, :32], tiles[2])


@given(st.integers(0, 2**31), st.integers(3, 9))
def test_a_mosaic_shows_up_to_three_classes(seed, count):
    classes = np.arange(40) % count
    four = classes[mosaics.draw(classes, 20, seed)]
    shown = [len(set(row)) for row in four]
    assert min(shown) >= 1 and max(shown) <= 3
    assert np.array_equal(four, classes[mosaics.draw(classes, 20, seed)])
