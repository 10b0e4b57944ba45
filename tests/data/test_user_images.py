"""One's own images: a folder for each class."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxhash.data import datasets
from jaxhash.data.images import decoder
from jaxhash.errors import UserError
from tests.data.own_images import picture, split

pytestmark = pytest.mark.usefixtures("home")


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
    expected = decoder.decode(photos / "cat" / "1.jpg", (8, 8, 3))
    assert np.array_equal(pool.pixels[list(pool.ids).index("cat/1.jpg")], expected)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dog "], "classes 'dog' and 'dog ' differ in blanks alone; rename one"),
        (["a\nb"], r"class 'a\\nb': a line break is in its name; rename it"),
        (["a\rb"], r"class 'a\\rb': a line break is in its name; rename it"),
        (["  "], "class '  ': its name is blank; rename it"),
        (["train", "val"], "dog/ beside them does not"),
    ],
)
def test_classes_that_would_be_confused_are_refused(photos, names, message):
    """TFDS keeps the names in a file, one a line, without blanks at their ends."""
    for name in names:
        picture(photos / name / "sub" / "1.png")
    if "val" in names:
        (photos / "cat").rename(photos / "dog" / "cat")
    with pytest.raises(UserError, match=message) as error:
        datasets.load("folder", str(photos), side=8)
    assert "\n" not in str(error.value)


def test_odd_names_of_classes_are_kept(photos):
    names = ["cat", "dog", "green bird", " spaces ", "a,b|c", "$5_$10", "\u2028x", "été", "x\ty"]
    for name in names[3:]:
        picture(photos / name / "1.png")
    pool = datasets.load("folder", str(photos), side=8)
    assert sorted(pool.class_names) == sorted(name.strip() for name in names)
    for id, row in zip(pool.ids, pool.labels, strict=True):
        assert pool.class_names[row.argmax()] == id.split("/")[0].strip() and row.sum() == 1


def test_what_belongs_to_no_class_is_left_out_and_said(photos, capsys):
    picture(photos / "loose.png")
    picture(photos / "cat" / "@eaDir" / "0.jpg" / "THUMB.jpg")
    picture(photos / "__MACOSX" / "cat" / "0.png")
    (photos / "texts").mkdir()
    (photos / "texts" / "a.txt").write_text("no picture")
    (photos / "empty").mkdir()
    pool = datasets.load("folder", str(photos), side=8)
    assert len(pool.ids) == 12 and pool.class_names == ["cat", "dog", "green bird"]
    first, second = capsys.readouterr().out.splitlines()
    assert first == "folder: 3 without pictures, no classes: __MACOSX, empty, texts"
    assert second.startswith("folder: 4 files are left out (")
    listed = Path(second.split()[-1]).read_text().splitlines()
    assert listed == [
        "__MACOSX/cat/0.png\tit lies in __MACOSX, a folder of the system",
        "cat/@eaDir/0.jpg/THUMB.jpg\tit lies in @eaDir, a folder of the system",
        "loose.png\tit lies in no folder of a class",
        "texts/a.txt\tits folder holds no picture, and is no class",
    ]


def test_folders_of_splits_are_the_splits(tmp_path, capsys):
    for top in ("train", "val", "database"):
        for name in ("cat", "dog"):
            for number in range(2):
                picture(tmp_path / "p" / top / name / f"{number}.png")
    picture(tmp_path / "p" / "val" / "loose.png")
    pool = datasets.load("folder", str(tmp_path / "p"), side=8)
    assert pool.class_names == ["cat", "dog"] and len(pool.ids) == 12
    own = split(pool)
    for role, top in (("train", "train"), ("query", "val"), ("database", "database")):
        expected = [f"{top}/{name}/{number}.png" for name in ("cat", "dog") for number in range(2)]
        assert sorted(pool.ids[getattr(own, role)]) == expected
    for id, row in zip(pool.ids, pool.labels, strict=True):
        assert pool.class_names[row.argmax()] == id.split("/")[1]
    printed = capsys.readouterr().out
    assert "the folders are splits: database/ database, train/ train, val/ query\n" in printed
    assert "1: it lies in no folder of a class" in printed


def test_what_looks_like_splits_is_refused_where_it_is_not_clear(tmp_path):
    for path in ("train/cat", "train/dog", "val/cat"):
        picture(tmp_path / path / "1.png")
    with pytest.raises(UserError, match="train/ and val/ look like splits.*no folder val/dog/"):
        datasets.load("folder", str(tmp_path))


def test_images_have_digests_of_their_files(photos):
    pool = datasets.load("folder", str(photos), side=8)
    for id, digest in zip(pool.ids, pool.digests, strict=True):
        assert digest == hashlib.sha256((photos / id).read_bytes()).hexdigest()[:16]


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
