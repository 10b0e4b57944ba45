"""The walk through a folder: links, loops, names, and what cannot be listed."""

import os
from pathlib import Path

import pytest

from jaxhash.data.images import folders, signatures
from tests.data.images.files import colours, saved

PNG = saved(colours())


@pytest.fixture
def root(tmp_path):
    for name in ("cat/2.png", "cat/10.png", "cat-small/a.png", "cat/deep/er/b.png", "top.jpg"):
        write(tmp_path / "root" / name)
    return tmp_path / "root"


def write(path, content=PNG):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def names(listing):
    return [file.name for file in listing.files]


def test_all_files_in_the_order_of_their_parts(root):
    write(root / ".hidden.png")
    write(root / "cat/.git/c.png")
    listing = folders.walk(root)
    expected = [
        path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()
    ]
    assert names(listing) == [name for name in expected if "/." not in f"/{name}"]
    assert [file.label for file in listing.files][-2:] == ["cat-small", None]
    assert listing.unlisted == [] and all(file.path.is_file() for file in listing.files)


@pytest.mark.parametrize(
    ("name", "content", "picture"),
    [
        ("a.HEIC", b"", True),
        ("a.avif", b"", True),
        ("a.pgm", b"", True),
        ("a.jp2", b"", True),
        ("noext", PNG, True),
        ("a.png.bak", saved(colours(), "JPEG"), True),
        ("wrong.png", b"no picture", True),
        ("notes.txt", b"no picture", False),
        ("Thumbs.db", bytes(100), False),
        ("empty", b"", False),
        ("a.svg", b"<svg>", False),
    ],
)
def test_what_is_a_picture(tmp_path, name, content, picture):
    write(tmp_path / name, content)
    assert [file.picture for file in folders.walk(tmp_path).files] == [picture]
    assert signatures.is_picture(tmp_path / name) == picture


def test_links_are_followed_and_loops_end(root, tmp_path):
    write(tmp_path / "elsewhere" / "far.png")
    (root / "cat/more").symlink_to(tmp_path / "elsewhere")
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat/up").symlink_to(root)
    (root / "cat/deep/self").symlink_to(".")
    (tmp_path / "elsewhere" / "back").symlink_to(root / "cat")
    (root / "cat/broken.jpg").symlink_to("nowhere")
    listing = folders.walk(root)
    found = names(listing)
    assert {"cat/more/far.png", "dog/far.png", "cat/broken.jpg"} <= set(found)
    assert not [name for name in found if "/up/" in name or "/self/" in name]
    assert len(found) < 20 and listing.unlisted == []


def test_pipes_are_listed_and_not_opened(root):
    os.mkfifo(root / "cat/pipe.png")
    pipe = next(file for file in folders.walk(root).files if file.name == "cat/pipe.png")
    assert not pipe.picture


def test_what_cannot_be_listed_is_named(root, monkeypatch):
    """Permissions stop no administrator, as who tests may be."""
    listdir = os.listdir

    def refusing(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    listing = folders.walk(root)
    assert listing.unlisted == [("cat/deep", "Permission denied")]
    assert "cat/2.png" in names(listing) and "cat/deep/er/b.png" not in names(listing)
    assert folders.walk(root / "nowhere").unlisted == [("", "No such file or directory")]


def test_links_that_lead_everywhere_end(tmp_path):
    """Ten folders with a link to each other have ten factorial paths."""
    for one in range(10):
        write(tmp_path / f"class{one}/{one}.png")
        for other in range(10):
            (tmp_path / f"class{one}/to{other}").symlink_to(tmp_path / f"class{other}")
    listing = folders.walk(tmp_path)
    assert len(listing.files) == 100  # each folder once for each class


def test_a_folder_counts_once_in_a_class_and_before_links_to_it(root):
    (root / "cat/a link").symlink_to(root / "cat/deep")
    assert [name for name in names(folders.walk(root)) if name.endswith("b.png")] == [
        "cat/deep/er/b.png"
    ]
