"""Mosaics: images with several labels, each made of four images with one label."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from jaxhash.data.contents import Entry
from jaxhash.data.loader import Pixels

MOST_CLASSES = 3


def draw(classes: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Draws the four images of each mosaic.

    A mosaic has one, two or three classes with equal probability, so that of ten classes about a
    third of all pairs of mosaics share a label; with four images drawn at random nearly all would.
    An image may be in several mosaics.

    Args:
      classes: [n] of the images.
      count: the number of mosaics.
      seed: of the draw.

    Returns:
      [count 4] numbers of images: top left, top right, bottom left, bottom right.

    >>> draw(np.arange(40) % 10, 2).shape
    (2, 4)
    """
    # NumPy keeps RandomState's streams as they are; those of default_rng may change.
    random = np.random.RandomState(seed)
    known = np.unique(classes)
    members = {label: np.flatnonzero(classes == label) for label in known}
    mosaics = []
    for _ in range(count):
        shown = random.choice(known, random.randint(1, MOST_CLASSES + 1), replace=False)
        # Each of them once, then any of them, in any place.
        four = np.concatenate([shown, random.choice(shown, 4 - len(shown))])
        mosaics.append([random.choice(members[label]) for label in random.permutation(four)])
    return np.array(mosaics)


def entries(pixels: Pixels, classes: np.ndarray, count: int) -> Iterator[Entry]:
    """Makes mosaics, with the labels of all their images.

    Args:
      pixels: uint8 [n h w] or [n h w c].
      classes: [n].
      count: the number of mosaics.

    >>> entry = next(entries(np.zeros((30, 2, 2), np.uint8), np.arange(30) % 3, 1))
    >>> entry.id, Image.open(io.BytesIO(entry.image)).size
    ('mosaic_00000', (4, 4))
    """
    for number, four in enumerate(draw(classes, count)):
        top, bottom = (np.concatenate(list(pixels[pair]), axis=1) for pair in (four[:2], four[2:]))
        png = io.BytesIO()
        Image.fromarray(np.concatenate([top, bottom])).save(png, "PNG")
        labels = sorted({int(label) for label in classes[four]})
        yield Entry(f"mosaic_{number:05d}", png.getvalue(), labels)
