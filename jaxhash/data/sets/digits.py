"""The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships: no network needed."""

import io
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxhash.data.protocols import Protocol
from jaxhash.data.sources import DataSet


class JaxhashDigits(tfds.core.GeneratorBasedBuilder):
    """A TFDS builder that prepares itself from scikit-learn, without network or TensorFlow.

    Images are handed over as PNG bytes: TFDS would call TensorFlow to encode arrays.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {
                "id": tfds.features.Text(),
                "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
            }
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        from sklearn.datasets import load_digits  # noqa: PLC0415  slow, and needed only once

        digits = load_digits()
        for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
            png = io.BytesIO()
            # The published grey levels are 0 to 16.
            Image.fromarray(np.round(pixels * 255 / 16).astype(np.uint8)).save(png, "PNG")
            png.seek(0)
            yield number, {"id": f"digit_{number:04d}", "image": png, "label": int(label)}


def build() -> DataSet:
    """Describes the digits and the protocols of the quickstart, ours alone.

    `digits_transductive` searches the training images, as learnt database codes need.
    """
    return DataSet(
        tfds_name="jaxhash_digits",
        parts=("train",),
        builder=JaxhashDigits,
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
