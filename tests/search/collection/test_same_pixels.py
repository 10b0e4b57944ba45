"""Training and search see the same pixels, and so the same bits, of every picture."""

import csv
import io

import numpy as np
import pytest

from jaxhash.data import datasets
from jaxhash.encoders import attention_maps
from jaxhash.encoders.batches import compiled
from jaxhash.search.collection import sources
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.service import uploads
from jaxhash.search.service.thumbnails import Pictures
from tests.data.images import files
from tests.search import small

LARGE = "large"  # so that it is decoded at a part of its size
ORIENTED = ("JPEG", "PNG", "TIFF")


def contents():
    yield from files.modes().items()
    for format in ORIENTED:
        for number in range(1, 9):
            yield f"{format} {number}", files.oriented(number, format)
    yield LARGE, files.saved(files.colours((301, 203)), "JPEG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A picture of every mode and orientation, in folders of two classes, and a table of them."""
    root = tmp_path_factory.mktemp("pictures")
    names = []
    for number, (name, content) in enumerate(contents()):
        names.append(f"{'ab'[number % 2]}/{name}.png")
        (root / names[-1]).parent.mkdir(exist_ok=True)
        (root / names[-1]).write_bytes(content)
    with (root / "list.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("path", "labels"), *((name, "x") for name in names)])
    return root


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("name", "place"), [("folder", "."), ("manifest", "list.csv")])
def test_training_and_search_see_the_same(folder, home, name, place, channels, monkeypatch):
    dataset = datasets.describe(name)

    def with_channels(root, label_separator):
        return dataset.contents(root, label_separator)._replace(channels=channels)

    described = datasets.DataSet(**{**vars(dataset), "contents": with_channels})
    monkeypatch.setattr(datasets, "describe", lambda _: described)
    pool = datasets.load(name, str(folder / place), side=small.SIZE)
    origin = sources.find(str(folder / place))
    assert sorted(pool.ids) == sorted(entry.path for entry in origin.entries)
    assert len(pool.ids) == len(list(contents()))
    searched = dict(
        zip(
            [entry.path for entry in origin.entries],
            origin.read(origin.entries, small.SIZE, channels, workers=0),
            strict=True,
        )
    )
    for id, pixels in zip(pool.ids, pool.pixels, strict=True):
        assert np.array_equal(pixels, searched[id]), id
    encode = compiled(small.tiny_encoder(channels=channels), 16)
    codes = encode(np.stack([searched[id] for id in pool.ids]))
    assert np.array_equal(codes, encode(pool.pixels)) and len(np.unique(codes, axis=0)) > 5


def test_uploads_the_service_and_attention_maps_see_the_same(folder, tmp_path):
    network, pictures = small.tiny_network(), Pictures(tmp_path / "added")
    origin, collection = sources.find(str(folder)), Collection("pictures", str(folder))
    searched = origin.read(origin.entries, small.SIZE, 3, workers=0)
    for entry, pixels in zip(origin.entries, searched, strict=True):
        upload = io.BytesIO(entry.file.read_bytes())
        assert np.array_equal(uploads.decode(upload, network.shape), pixels), entry.path
        in_full = 2 if LARGE in entry.path else 0  # of 255
        for image in (
            uploads.read(upload),
            pictures.read(collection, entry.path),
            attention_maps._read(entry.file),
        ):
            difference = np.abs(network.prepare(image).astype(int) - pixels).max()
            assert difference <= in_full, entry.path
