"""The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships: no network needed."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from jaxhash.data.contents import Contents, Entry
from jaxhash.data.datasets import DataSet
from jaxhash.data.protocols import Protocol

CLASSES = tuple("0123456789")


def build() -> DataSet:
    """Describes the digits and the protocols of the quickstart, which no paper has.

    `digits_transductive` searches the training images, as learnt database codes need.
    """
    return DataSet(
        tfds_name="jaxhash/digits",
        parts=("train",),
        contents=contents,
        channels=1,
        protocols={
            "digits": Protocol(
                query_per_class=10,
                train_per_class=100,
                database="rest",
                counts=(1_000, 100, 697),
            ),
            "digits_transductive": Protocol(
                query_per_class=10,
                train_per_class=100,
                database="train",
                counts=(1_000, 100, 1_000),
            ),
        },
    )


def contents(root: Path) -> Contents:
    """Reads the digits of scikit-learn; `root` is unused."""
    del root
    return Contents(CLASSES, _entries(), channels=1, shape=(8, 8))


def images() -> tuple[np.ndarray, np.ndarray]:
    """Returns the digits, uint8 [n h w], and their classes [n].

    >>> [array.shape for array in images()]
    [(1797, 8, 8), (1797,)]
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415  slow, and needed only once

    digits = load_digits()
    # The published grey levels are 0 to 16.
    return np.round(digits.images * 255 / 16).astype(np.uint8), digits.target


def _entries() -> Iterator[Entry]:
    for number, (pixels, label) in enumerate(zip(*images(), strict=True)):
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, "PNG")
        yield Entry(f"digit_{number:04d}", png.getvalue(), (int(label),))
