"""Folders of classes, and folders of splits that hold them."""

import pytest

from jaxhash.data.images import folders, layout
from tests.data.images.files import colours, saved

PNG = saved(colours())


def read(root, *paths):
    """Reads a folder with a picture at each path, or an empty folder for one that ends in /."""
    for path in paths:
        folder = root / path if path.endswith("/") else (root / path).parent
        folder.mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            (root / path).write_bytes(PNG)
    listing = folders.walk(root)
    found = layout.read(listing)
    return found, {file.name: (found.label(file), found.part(file)) for file in listing.files}


def test_the_first_folders_are_the_classes(tmp_path):
    found, files = read(tmp_path, "cat/1.png", "cat/old/2.png", "dog/1.png", "top.png", "empty/")
    assert found == layout.Layout(["cat", "dog"], {}, ["empty"])
    assert files == {
        "cat/1.png": ("cat", "all"),
        "cat/old/2.png": ("cat", "all"),
        "dog/1.png": ("dog", "all"),
        "top.png": (None, "all"),
    }


@pytest.mark.parametrize(
    ("tops", "parts"),
    [
        (("train", "val"), ("train", "test")),
        (("Train", "Validation"), ("train", "test")),
        (("train", "val", "test"), ("train", "train", "test")),
        (("train", "query", "database"), ("train", "test", "database")),
        (("training", "valid", "testing", "gallery"), ("train", "train", "test", "database")),
    ],
)
def test_folders_of_splits_hold_those_of_classes(tmp_path, tops, parts):
    paths = [f"{top}/{name}/1.png" for top in tops for name in ("cat", "dog")]
    found, files = read(tmp_path, *paths, f"{tops[0]}/loose.png", f"{tops[0]}/empty/")
    assert found.classes == ["cat", "dog"] and not found.problem
    assert found.empty == [f"{tops[0]}/empty"]
    for top, part in zip(tops, parts, strict=True):
        assert files[f"{top}/dog/1.png"] == ("dog", part)
    assert files[f"{tops[0]}/loose.png"][0] is None


def test_a_split_may_hold_an_empty_folder_of_a_class(tmp_path):
    found, _ = read(tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/")
    assert found.classes == ["cat", "dog"] and found.splits and not found.problem


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (["train/cat/1.png", "val/cat/1.png", "val/owl/1.png"], "no folder train/owl/, which may"),
        (["train/1.png", "val/1.png"], "train/ and val/ look like splits, but they hold no folder"),
        (
            ["train/cat/1.png", "val/cat/1.png", "owl/1.png"],
            "look like splits, but owl/ beside them does not",
        ),
        (["train/cat/1.png", "database/cat/1.png"], "train/, and test/ or val/, are expected"),
        (["test/cat/1.png", "database/cat/1.png"], "train/, and test/ or val/, are expected"),
        (["train/cat/1.png", "train/dog/1.png"], "all pictures lie in folders of train/"),
        (["images/cat/1.png", "images/dog/1.png"], "all pictures lie in folders of images/"),
    ],
)
def test_what_is_not_clear_is_a_problem(tmp_path, paths, problem):
    found, _ = read(tmp_path, *paths)
    assert problem in found.problem and not found.splits
    assert found.classes == sorted({path.split("/")[0] for path in paths})


@pytest.mark.parametrize(
    "paths",
    [
        ["train/1.png", "plane/1.png"],  # a class of vehicles
        ["train/old/1.png", "plane/1.png"],
        ["train/1.png", "test/1.png", "plane/1.png"],
        ["cat/old/1.png"],
        ["cat/old/1.png", "cat/new/1.png", "cat/1.png"],
    ],
)
def test_classes_may_have_the_names_of_splits(tmp_path, paths):
    found, _ = read(tmp_path, *paths)
    assert not found.problem and not found.splits


def test_folders_of_the_system_are_no_classes(tmp_path):
    found, files = read(
        tmp_path, "cat/1.png", "cat/@eaDir/1.png/THUMB.png", "__MACOSX/cat/1.png", "#recycle/1.png"
    )
    assert found.classes == ["cat"] and len(files) == 4
    pictures = [file for file in folders.walk(tmp_path).files if file.picture]
    assert [file.name for file in pictures] == ["cat/1.png"]
    systems = [file.system for file in folders.walk(tmp_path).files]
    assert systems == ["#recycle", "__MACOSX", None, "@eaDir"]
