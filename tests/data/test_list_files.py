"""Lists of images and labels as people write them: encodings, blanks in names, damage."""

import pytest

from jaxhash.data import datasets, list_files
from jaxhash.data.sets import mirflickr, nuswide
from jaxhash.errors import UserError
from tests.data.test_layouts import LISTS, jpeg, write_lists


@pytest.fixture
def folder(tmp_path):
    return write_lists(tmp_path / "downloads" / "manual" / "coco", LISTS)


def rewrite(path, encoding, bom=""):
    path.write_bytes((bom + path.read_text()).encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-16-be", "\ufeff"), ("utf-8", ""), ("ascii", "")],
)
def test_encodings(folder, tmp_path, encoding, bom):
    for name in LISTS:
        rewrite(folder / f"{name}.txt", encoding, bom)
    found = list_files.contents(folder)
    assert [entry.id for entry in found.entries] == [f"images/{name}.jpg" for name in "abcde"]
    assert len(datasets.load("coco", str(tmp_path), side=8).ids) == 5


def test_other_encodings_are_one_line_with_file_and_line(folder, tmp_path):
    path = folder / "database.txt"
    path.write_bytes(path.read_bytes() + "images/café.jpg 1 0 0\n".encode("latin-1"))
    with pytest.raises(UserError, match="database.txt line 4: not text in UTF-8 .byte 0xe9.; save"):
        datasets.load("coco", str(tmp_path))
    path.write_text("images/e.jpg 0 1 1\n", encoding="utf-16-le")
    with pytest.raises(UserError, match="database.txt line 1: .*it holds null characters"):
        datasets.load("coco", str(tmp_path))
    path.write_bytes(b"\xff\xfea")
    with pytest.raises(UserError, match="database.txt: not text in UTF-8 or UTF-16 .truncated"):
        datasets.load("coco", str(tmp_path))
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="database.txt: cannot be read .Is a directory"):
        datasets.load("coco", str(tmp_path))


@pytest.mark.parametrize(
    "name", ["my 0.jpg", "0 1.jpg", "a  b.jpg", "ü\u2028\x0b\x85.jpg", "\u3000.jpg"]
)
def test_names_may_hold_blanks(tmp_path, name):
    lists = {role: [(f"images/{role} {name}", (1, 0, 1))] for role in ("train", "test", "database")}
    folder = write_lists(tmp_path / "downloads" / "manual" / "coco", lists)
    for role in lists:
        rewrite(folder / f"{role}.txt", "utf-8")
    pool = datasets.load("coco", str(tmp_path), side=8)
    assert sorted(pool.ids) == sorted(path for [(path, _)] in lists.values())
    assert pool.labels.tolist() == [[1, 0, 1]] * 3


@pytest.mark.parametrize(
    "line",
    ["images/f.jpg 0 1", "images/f.jpg 0 1 1 0", "images/f.jpg", "0 1 1", "a,0,1,1", "a 0 1 -1"],
)
def test_another_number_of_labels_is_refused(folder, line):
    with (folder / "database.txt").open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(UserError, match="database.txt line 4: expected a path and 3 labels, each"):
        list_files.contents(folder)


def test_a_first_line_without_labels_is_refused(folder):
    (folder / "train.txt").write_text("images/a.jpg\n")
    with pytest.raises(UserError, match="train.txt line 1: expected a path and labels, each 0 or"):
        list_files.contents(folder)


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "../../..", "/"])
def test_paths_that_cannot_be_are_left_out(folder, name, tmp_path, capsys):
    with (folder / "database.txt").open("a") as lines:
        lines.write(f"{name} 0 0 1\n")
    assert len(datasets.load("coco", str(tmp_path), side=8).ids) == 5
    assert "coco: 1 file is left out (1: " in capsys.readouterr().out


def test_published_layouts_in_other_encodings_are_one_line(tmp_path):
    folder = tmp_path / "downloads" / "manual" / "mirflickr" / mirflickr.ANNOTATIONS
    folder.mkdir(parents=True)
    (folder / "sky.txt").write_bytes("1\r\n3\r\n".encode("utf-16"))
    jpeg(folder.parent / "im1.jpg")
    assert len(mirflickr.contents(tmp_path).entries) == 2
    for content, message in [
        (b"1\n\xe9\n", "sky.txt line 2: not text in UTF-8"),
        (b"1\nx\n", "sky.txt line 2: expected the number of an image a line"),
        (b"1\n" + b"9" * 5000, "sky.txt line 2: expected the number of an image a line"),
    ]:
        (folder / "sky.txt").write_bytes(content)
        with pytest.raises(UserError, match=message) as error:
            mirflickr.contents(tmp_path)
        assert "\n" not in str(error.value)
    folder = tmp_path / "downloads" / "manual" / "nuswide"
    (folder / "ImageList").mkdir(parents=True)
    (folder / "ImageList" / "Imagelist.txt").write_bytes(b"a.jpg\ncaf\xe9.jpg\n")
    with pytest.raises(UserError, match="Imagelist.txt line 2: not text in UTF-8"):
        nuswide.contents(tmp_path)
