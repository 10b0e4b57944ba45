"""Small copies of what data sets of the papers look like on disk."""

import io

import pytest
import tensorflow_datasets as tfds
from PIL import Image


class Cifar10(tfds.core.GeneratorBasedBuilder):
    """A handful of images in the layout of CIFAR-10."""

    VERSION = tfds.core.Version("3.0.2")

    def _info(self):
        features = {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(32, 32, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples("train", 20),
            "test": self._generate_examples("test", 10),
        }

    def _generate_examples(self, part, count):
        for number in range(count):
            png = io.BytesIO()
            Image.new("RGB", (32, 32), (number, 0, 255)).save(png, "PNG")
            png.seek(0)
            yield number, {"id": f"{part}_{number:05d}", "image": png, "label": number % 10}


@pytest.fixture
def prepared(tmp_path):
    Cifar10(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    return tmp_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where copies of one's own images go."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"
