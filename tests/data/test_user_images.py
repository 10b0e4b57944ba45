"""One's own images: a folder a class, and a table."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from jaxhash.data import datasets, protocols
from jaxhash.data.images import decoder
from jaxhash.errors import UserError

RANDOM = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where prepared copies go."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def picture(path, size=(20, 12), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], len(mode))
    Image.fromarray(RANDOM.randint(0, 256, shape).astype(np.uint8), mode).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """Twelve pictures of three classes, of different sizes, kinds and modes."""
    root = tmp_path / "photos"
    for number in range(4):
        picture(root / "cat" / f"{number}.jpg", size=(10 + number, 12))
        picture(root / "dog" / "old" / f"{number}.png", size=(9, 30), mode="RGBA")
        picture(root / "green bird" / f"é{number}.bmp", mode="L")
    (root / ".git").mkdir()
    (root / "notes.txt").write_text("not looked at")
    return root


def split(pool):
    return protocols.split(
        datasets.protocol("folder", "own"), pool.labels, pool.parts, pool.ids, seed=0
    )


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_folder_of_classes_is_read_and_split(photos, capsys):
    pool = datasets.load("folder", str(photos), side=16)
    assert pool.pixels.shape == (12, 16, 16, 3) and pool.pixels.dtype == np.uint8
    assert pool.class_names == ["cat", "dog", "green bird"]
    row = list(pool.ids).index("green bird/é2.bmp")
    assert pool.labels[row].tolist() == [0, 0, 1]
    with Image.open(photos / "green bird" / "é2.bmp") as image:
        expected = image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)
    assert np.array_equal(pool.pixels[row], expected)
    own = split(pool)
    assert (len(own.query), len(own.train), len(own.database)) == (1, 11, 11)
    assert set(own.train) == set(own.database) and own.checksum == split(pool).checksum
    assert capsys.readouterr().out == ""


def test_files_that_are_no_pictures_are_counted_and_listed(photos, capsys):
    cut(photos / "cat" / "1.jpg")
    (photos / "dog" / "Thumbs.db").write_bytes(b"\x00" * 100)
    (photos / "dog" / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    for _ in range(2):  # when it is prepared, and whenever it is read
        pool = datasets.load("folder", str(photos), side=8)
        printed = capsys.readouterr().out
        assert printed.startswith("folder: 3 files are left out (1: the picture is damaged; 1: ")
    listed = printed.split()[-1]
    lines = Path(listed).read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["cat/1.jpg", "dog/Thumbs.db", "dog/gone.jpg"]
    assert len(pool.ids) == 11 and "cat/1.jpg" not in pool.ids


def test_links_are_followed_and_pipes_are_left_out(photos, capsys):
    elsewhere = photos.parent / "elsewhere"
    picture(elsewhere / "far.png")
    (photos / "cat" / "more").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(photos)
    os.mkfifo(photos / "dog" / "pipe")
    pool = datasets.load("folder", str(photos), side=8)
    row = list(pool.ids).index("cat/more/far.png")
    assert len(pool.ids) == 13 and pool.labels[row].tolist() == [1, 0, 0]
    listed = Path(capsys.readouterr().out.split()[-1])
    assert listed.read_text() == "dog/pipe\tit is not a file\n"


def test_a_broken_avif_ends_nothing(photos, capsys):
    if "AVIF" not in decoder.formats():
        pytest.skip("the installed Pillow does not read AVIF")
    path = picture(photos / "cat" / "a.avif", size=(60, 60))
    content = path.read_bytes()
    for length in range(40, len(content), max(len(content) // 20, 1)):
        (photos / "cat" / f"{length}.avif").write_bytes(content[:length])
    pool = datasets.load("folder", str(photos), side=8)
    assert "cat/a.avif" in pool.ids and 13 <= len(pool.ids) < 20
    lines = Path(capsys.readouterr().out.split()[-1]).read_text().splitlines()
    assert lines and all("\tthe picture is damaged" in line for line in lines)


def test_names_that_are_not_utf8_are_listed_or_refused(photos, capsys):
    picture(photos / "cat" / "4.png").rename(photos / "cat" / os.fsdecode(b"caf\xe9.png"))
    assert len(datasets.load("folder", str(photos), side=8).ids) == 12
    listed = Path(capsys.readouterr().out.split()[-1])
    assert listed.read_text() == "cat/caf\\udce9.png\tits name is not UTF-8; rename it\n"
    (photos / "cat").rename(photos / os.fsdecode(b"c\xe4t"))
    with pytest.raises(UserError, match=r"class 'c\\udce4t': its name is not UTF-8; rename it"):
        datasets.load("folder", str(photos), side=8)


def test_a_folder_that_cannot_be_listed_is_refused(photos, monkeypatch):
    listdir = os.listdir

    def refusing(path):
        if str(path).endswith("dog/old"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    with pytest.raises(UserError, match="photos: dog/old cannot be listed .Permission denied."):
        datasets.load("folder", str(photos))


def test_a_changed_folder_is_prepared_anew(photos, home):
    datasets.load("folder", str(photos), side=8)
    (photos / "cat" / "0.jpg").unlink()
    picture(photos / "cat" / "1.jpg", size=(40, 40))
    pool = datasets.load("folder", str(photos), side=8)
    assert len(pool.ids) == 11 and len(list((home / "jaxhash").iterdir())) == 1
    with Image.open(photos / "cat" / "1.jpg") as image:
        expected = image.resize((8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(pool.pixels[list(pool.ids).index("cat/1.jpg")], expected)


def test_folders_that_hold_no_images_are_refused(tmp_path, home):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / "cat").mkdir(parents=True)
    (tmp_path / "texts" / "cat").mkdir(parents=True)
    (tmp_path / "texts" / "cat" / "a.jpg").write_text("no picture")
    for folder, message in [
        (None, "data.name=folder needs --config.data.dir=PATH"),
        ("nowhere", "no such folder"),
        ("empty", "expected a folder for each class"),
        ("bare", "no images found"),
        ("texts", "none of 1 files is a picture that can be read; the first, .*cat/a.jpg: it is"),
    ]:
        with pytest.raises(UserError, match=message) as error:
            datasets.load("folder", folder and str(tmp_path / folder))
        assert "\n" not in str(error.value)
    assert not list(home.rglob("dataset_info.json"))


def table(path, *rows, columns=("path", "labels", "split")):
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


@pytest.fixture
def shots(tmp_path):
    for number in range(6):
        picture(tmp_path / "shots" / f"{number}.jpg")
    return tmp_path


ROWS = [
    ("shots/0.jpg", "cat|outdoors", "query"),
    ("shots/1.jpg", "cat", "train"),
    ("shots/2.jpg", "outdoors | dog", "train|database"),
    ("./shots/3.jpg", "dog", "database"),
    ("shots/4.jpg", "", "database"),
]


def test_a_table_with_splits_is_read_as_it_says(shots):
    pool = datasets.load("manifest", str(table(shots / "list.csv", *ROWS)), side=8)
    assert pool.class_names == ["cat", "dog", "outdoors"]
    own = split(pool)
    assert list(pool.ids[own.query]) == ["shots/0.jpg"]
    assert sorted(pool.ids[own.train]) == ["shots/1.jpg", "shots/2.jpg"]
    assert sorted(pool.ids[own.database]) == [f"shots/{number}.jpg" for number in (2, 3, 4)]
    assert pool.labels[list(pool.ids).index("shots/2.jpg")].tolist() == [0, 1, 1]
    assert pool.labels[list(pool.ids).index("shots/4.jpg")].sum() == 0


def test_training_images_are_searched_where_no_database_is_named(shots):
    rows = [(path, labels, "query" if "0" in path else "train") for path, labels, _ in ROWS]
    own = split(datasets.load("manifest", str(table(shots / "list.csv", *rows)), side=8))
    assert len(own.query) == 1 and set(own.database) == set(own.train) and len(own.train) == 4


def test_a_parquet_table_may_hold_lists(shots):
    paths, labels = [row[0] for row in ROWS], [["cat"], ["cat", "dog"], ["dog"], [], ["dog"]]
    columns = pyarrow.table({"path": paths, "labels": labels})
    pyarrow.parquet.write_table(columns, shots / "manifest.parquet")
    pool = datasets.load("manifest", str(shots), side=8)
    assert sorted(pool.labels.sum(axis=1)) == [0, 1, 1, 1, 2]
    own = split(pool)
    assert (len(own.query), len(own.train)) == (1, 4)  # a tenth, and at least one


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [("a.jpg", "cat"), ("./a.jpg", "dog")],
            2,
            r"line 3: a.jpg comes twice, first in .*line 2",
        ),
        ([("a.jpg", "cat", "", "")], 3, "line 2: as many values as columns"),
        ([("a.jpg",)], 2, "line 2: as many values as columns"),
        ([("a.jpg", "cat", "tset")], 3, "line 2: split 'tset': expected query, train or database"),
        ([("a.jpg", "cat", "query|database")], 3, "a query can be nothing else"),
        ([("a.jpg", "cat", "query"), ("b.jpg", "cat", "")], 3, "split is empty for some"),
        ([("", "cat")], 2, "line 2: no path"),
        ([("a.jpg", "")], 2, "no image has a label"),
        ([("a.jpg",)], 1, "no column 'labels'"),
    ],
)
def test_damaged_tables_are_one_clear_line(shots, rows, columns, message):
    path = table(shots / "list.csv", *rows, columns=("path", "labels", "split")[:columns])
    with pytest.raises(UserError, match=message) as error:
        datasets.load("manifest", str(path))
    assert "\n" not in str(error.value)


def test_tables_that_are_none_are_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "a.csv").write_bytes(b"path,labels\n\xff\xfe,x\n")
    for name, message in [
        ("a.parquet", "not a Parquet file"),
        ("a.csv", "not a CSV file in UTF-8"),
        ("b.csv", "expected a table"),
        ("", "expected a table"),
    ]:
        with pytest.raises(UserError, match=message) as error:
            datasets.load("manifest", str(tmp_path / name))
        assert "\n" not in str(error.value)
