"""Small copies of data sets as they are published, whole and damaged."""

import io
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from jaxhash.data import datasets, protocols
from jaxhash.data.protocols import Protocol
from jaxhash.data.sets import imagenet100, nuswide
from jaxhash.errors import UserError

RANDOM = np.random.RandomState(0)


def jpeg(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    # A colour for each number that survives JPEG.
    Image.new("RGB", (24 + number % 3, 20), (8 * number, 100, 0)).save(path, quality=95)
    return path


def split(pool, protocol):
    return protocols.split(protocol, pool.labels, pool.parts, pool.ids, seed=0)


def write_lists(folder, lists):
    """Writes list files, {name: [(path, labels)]}, and a picture for every path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in lists.items():
        lines = [f"{path} {' '.join(map(str, labels))}\n" for path, labels in rows]
        (folder / f"{name}.txt").write_text("".join(lines))
        for path, _ in rows:
            jpeg(folder / path)
    return folder


LISTS = {
    "train": [("images/a.jpg", (1, 0, 1)), ("images/b.jpg", (0, 1, 0))],
    "test": [("images/c.jpg", (1, 1, 0))],
    "database": [
        ("images/a.jpg", (1, 0, 1)),
        ("images/d.jpg", (0, 0, 1)),
        ("images/e.jpg", (0, 1, 1)),
    ],
}
LISTED = Protocol(None, None, "listed", counts=(2, 1, 3))


@pytest.fixture
def listed(tmp_path):
    return write_lists(tmp_path / "downloads" / "manual" / "coco", LISTS)


@pytest.mark.parametrize("name", ["coco", "voc2012", "mirflickr"])
def test_list_files_give_labels_and_split(name, tmp_path):
    write_lists(tmp_path / "downloads" / "manual" / name, LISTS)
    pool = datasets.load(name, str(tmp_path), side=16)
    assert pool.pixels.shape == (5, 16, 16, 3)
    labels = dict(zip(pool.ids, pool.labels.tolist(), strict=True))
    assert labels == {path: list(row) for rows in LISTS.values() for path, row in rows}
    own = split(pool, LISTED)
    for role in ("train", "query", "database"):
        paths = [path for path, _ in LISTS["test" if role == "query" else role]]
        assert sorted(pool.ids[getattr(own, role)]) == sorted(paths)
    with pytest.raises(UserError, match=r"gives \(2, 1, 3\) train, query and database images"):
        split(pool, datasets.protocol(name, f"{name}_lists"))


def test_lists_may_name_files_as_they_lay_elsewhere(listed, tmp_path):
    for name in LISTS:
        path = listed / f"{name}.txt"
        path.write_text(path.read_text().replace("images/", "/home/somebody/coco/images/"))
    pool = datasets.load("coco", str(tmp_path), side=8)
    assert len(pool.ids) == 5 and pool.ids[0].startswith("/home/somebody/")


def test_a_cut_jpeg_in_a_list_is_left_out_and_listed(listed, tmp_path, capsys):
    path = listed / "images" / "d.jpg"
    path.write_bytes(path.read_bytes()[:-150])
    (listed / "images" / "b.jpg").unlink()
    pool = datasets.load("coco", str(tmp_path), side=8)
    assert sorted(pool.ids) == ["images/a.jpg", "images/c.jpg", "images/e.jpg"]
    assert "coco: 2 files could not be read" in capsys.readouterr().out
    skipped = next(tmp_path.rglob("skipped.txt")).read_text().splitlines()
    assert [line.split("\t")[0] for line in skipped] == ["images/b.jpg", "images/d.jpg"]
    with pytest.raises(UserError, match="the copy is incomplete"):
        split(pool, LISTED)


@pytest.mark.parametrize(
    ("role", "line", "message"),
    [
        ("database", "images/c.jpg 1 1 0", "database.txt line 4: images/c.jpg is a query too"),
        ("test", "images/a.jpg 1 0 1", "test.txt line 2: images/a.jpg is in train.txt too"),
        ("train", "images/b.jpg 0 1 0", "train.txt line 3: images/b.jpg is twice in this list"),
        ("database", "images/f.jpg 0 1", "database.txt line 4: expected a path and 3 labels"),
        ("database", "images/f.jpg 0 1 7", "line 4: expected a path and 3 labels, each 0 or 1"),
        ("database", "images/b.jpg 1 1 1", "line 4: images/b.jpg has other labels"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(listed, tmp_path, role, line, message):
    with (listed / f"{role}.txt").open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(UserError, match=message) as error:
        datasets.load("coco", str(tmp_path))
    assert "\n" not in str(error.value) and not list(tmp_path.rglob("dataset_info.json"))


def test_what_is_missing_is_named(listed, tmp_path):
    for path, message in [
        (listed / "images", "none of the images was found, such as images/a.jpg"),
        (listed / "test.txt", "test.txt: missing; train.txt, test.txt and database.txt"),
        (listed, "coco is not prepared under .*manual/coco is not there.*sets/coco.py says"),
    ]:
        path.rename(tmp_path / "away")
        with pytest.raises(UserError, match=message) as error:
            datasets.load("coco", str(tmp_path))
        (tmp_path / "away").rename(path)
        assert "\n" not in str(error.value)


@pytest.fixture
def published(tmp_path):
    """NUS-WIDE: 60 images of which every third has none of the 21 labels."""
    folder = tmp_path / "downloads" / "manual" / "nuswide"
    labels = (RANDOM.rand(60, 21) < 0.4).astype(int)
    labels[::3] = 0
    (folder / "ImageList").mkdir(parents=True)
    names = [f"actor\\{number:04d}_77.jpg" for number in range(60)]
    (folder / "ImageList" / "Imagelist.txt").write_text("\r\n".join(names) + "\r\n")
    truth = folder / "Groundtruth" / "AllLabels"
    truth.mkdir(parents=True)
    for concept, column in zip(nuswide.CONCEPTS, labels.T, strict=True):
        (truth / f"Labels_{concept}.txt").write_text("".join(f"{value}\n" for value in column))
    (truth / "Labels_airport.txt").write_text("1\n" * 60)
    for number in range(60):
        jpeg(folder / "Flickr" / "actor" / f"{number:04d}_77.jpg", number % 30)
    return folder, labels


def test_nuswide_is_read_as_published(published, tmp_path):
    _, labels = published
    pool = datasets.load("nuswide", str(tmp_path), side=8)
    assert pool.class_names == list(nuswide.CONCEPTS) and len(pool.ids) == 40
    for name, row, pixels in zip(pool.ids, pool.labels, pool.pixels, strict=True):
        number = int(name.removeprefix("actor/")[:4])
        assert row.tolist() == labels[number].tolist()
        assert abs(int(pixels[4, 4, 0]) - 8 * (number % 30)) < 6
    small = Protocol(query_per_class=1, train_per_class=0, database="rest", counts=(0, 21, 19))
    assert split(pool, small).checksum == split(pool, small).checksum
    with pytest.raises(UserError, match=r"protocol has \(10500, 2100, 193734\)"):
        split(pool, datasets.protocol("nuswide", "nuswide_21"))


def test_nuswide_is_read_from_lists_of_21_labels(tmp_path):
    folder = tmp_path / "downloads" / "manual" / "nuswide"
    rows = {name: [(path, (*row, *[0] * 18)) for path, row in rows] for name, rows in LISTS.items()}
    write_lists(folder, rows)
    pool = datasets.load("nuswide", str(tmp_path), side=8)
    assert pool.labels.shape == (5, 21) and len(split(pool, LISTED).database) == 3


def test_nuswide_lists_of_other_labels_are_refused(tmp_path):
    write_lists(tmp_path / "downloads" / "manual" / "nuswide", LISTS)
    with pytest.raises(UserError, match="lists of 3 labels, expected 21"):
        datasets.load("nuswide", str(tmp_path))


def shorten(folder):
    path = folder / "Groundtruth" / "AllLabels" / "Labels_lake.txt"
    path.write_text(path.read_text()[:-2])
    return "Labels_lake.txt: 59 lines where Imagelist.txt has 60"


def remove_labels(folder):
    (folder / "Groundtruth" / "AllLabels" / "Labels_tree.txt").unlink()
    return "Labels_tree.txt: missing"


def garble_labels(folder):
    path = folder / "Groundtruth" / "AllLabels" / "Labels_sky.txt"
    path.write_text(path.read_text().replace("1", "x"))
    return "Labels_sky.txt: expected one 0 or 1 a line"


def remove_names(folder):
    (folder / "ImageList" / "Imagelist.txt").unlink()
    return "expected ImageList/Imagelist.txt and Groundtruth/AllLabels"


def repeat_name(folder):
    path = folder / "ImageList" / "Imagelist.txt"
    path.write_text(path.read_text().replace("0001_77", "0002_77"))
    return "Imagelist.txt: actor/0002_77.jpg is there twice"


@pytest.mark.parametrize(
    "damage", [shorten, remove_labels, garble_labels, remove_names, repeat_name]
)
def test_a_damaged_nuswide_is_one_clear_line(published, tmp_path, damage):
    message = damage(published[0])
    with pytest.raises(UserError, match=message) as error:
        datasets.load("nuswide", str(tmp_path))
    assert "\n" not in str(error.value) and not list(tmp_path.rglob("dataset_info.json"))


def test_mirflickr_is_read_as_published(tmp_path):
    folder = tmp_path / "downloads" / "manual" / "mirflickr"
    truth = folder / "mirflickr25k_annotations_v080"
    truth.mkdir(parents=True)
    for name, lines in [("sky", "1\n3\n"), ("tree", "3\n"), ("sky_r1", "1\n"), ("README", "x")]:
        (truth / f"{name}.txt").write_text(lines)
    for number in (1, 2, 3):
        jpeg(folder / f"im{number}.jpg")
    pool = datasets.load("mirflickr", str(tmp_path), side=8)
    assert pool.class_names == ["sky", "tree"]
    labels = dict(zip(pool.ids, pool.labels.tolist(), strict=True))
    assert labels == {"im1.jpg": [1, 0], "im3.jpg": [1, 1]}
    drawn = Protocol(None, None, "rest and train", (1, 1, 1), query_of_all=1, train_of_all=1)
    own = split(pool, drawn)
    assert set(own.database) == set(own.train) != set(own.query)


def test_a_damaged_mirflickr_is_one_clear_line(tmp_path):
    truth = tmp_path / "downloads" / "manual" / "mirflickr" / "mirflickr25k_annotations_v080"
    truth.mkdir(parents=True)
    with pytest.raises(UserError, match="expected mirflickr25k_annotations_v080/"):
        datasets.load("mirflickr", str(tmp_path))
    (truth / "sky.txt").write_text("1\n1\n")
    with pytest.raises(UserError, match="sky.txt: expected the number of an image a line"):
        datasets.load("mirflickr", str(tmp_path))


class Imagenet2012(tfds.core.GeneratorBasedBuilder):
    """Six classes, two of them among the hundred, in the layout of TFDS's ImageNet."""

    VERSION = tfds.core.Version("5.1.0")
    NAMES = ["n00000001", imagenet100.CLASSES[7], "n00000003", imagenet100.CLASSES[2], "n5", "n6"]

    def _info(self):
        features = {
            "file_name": tfds.features.Text(),
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=self.NAMES),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples("n", 24),
            "validation": self._generate_examples("ILSVRC2012_val_", 6),
        }

    def _generate_examples(self, prefix, count):
        for number in range(count):
            content = io.BytesIO()
            size = (30 + number, 20)
            Image.new("L" if number == 7 else "RGB", size, 100 + number).save(content, "JPEG")
            name = f"{prefix}{number:08d}.JPEG"
            content.seek(0)
            yield number, {"file_name": name, "image": content, "label": number % 6}


def test_imagenet100_is_taken_out_of_imagenet2012(tmp_path):
    Imagenet2012(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    pool = datasets.load("imagenet100", str(tmp_path), side=16)
    assert pool.pixels.shape == (10, 16, 16, 3) and len(pool.class_names) == 100
    labels = dict(zip(pool.ids, pool.labels.argmax(axis=1), strict=True))
    assert labels["train/n00000007.JPEG"] == 7 and labels["train/n00000003.JPEG"] == 2
    assert set(labels.values()) == {2, 7}
    small = Protocol(None, 3, "rest and train", counts=(6, 2, 8))
    own = split(pool, small)
    assert {name.split("_")[0] for name in pool.ids[own.query]} == {"validation/ILSVRC2012"}
    assert (pool.labels[own.train].sum(axis=0)[[2, 7]] == 3).all()
    assert set(own.train) <= set(own.database)
    with pytest.raises(UserError, match=r"protocol has \(13000, 5000, 128503\)"):
        split(pool, datasets.protocol("imagenet100", "imagenet100"))


def test_imagenet100_is_read_from_lists(tmp_path):
    rows = {
        name: [(path, (*row[:1], *[0] * 99)) for path, row in rows] for name, rows in LISTS.items()
    }
    write_lists(tmp_path / "downloads" / "manual" / "imagenet100", rows)
    pool = datasets.load("imagenet100", str(tmp_path), side=8)
    assert pool.class_names == list(imagenet100.CLASSES)
    assert len(split(pool, LISTED).train) == 2


def test_imagenet100_says_what_it_needs(tmp_path):
    with pytest.raises(UserError, match="imagenet2012 is not prepared under .*tfds build"):
        datasets.load("imagenet100", str(tmp_path))


@pytest.mark.parametrize("name", ["coco", "voc2012", "mirflickr", "nuswide", "imagenet100"])
def test_first_protocols_are_what_configs_take(name):
    chosen = datasets.defaults(name)
    dataset = datasets.describe(name)
    assert chosen["protocol"] in dataset.protocols and len(chosen["mean"]) == 3
    assert json.dumps(chosen)
