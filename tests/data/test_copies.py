"""Prepared copies: of what they are, one for each source, whole or not at all, and in use."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from jaxhash import config as configs
from jaxhash import data
from jaxhash.data import copies, datasets, locks
from jaxhash.errors import UserError
from tests.data.own_images import picture
from tests.data.test_layouts import LISTS, write_lists

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        for number in range(3):
            picture(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def lists(tmp_path):
    return write_lists(tmp_path / "downloads" / "manual" / "coco", LISTS)


def names(root):
    return sorted(path.name for path in (root / "jaxhash").iterdir())


def labels(pool):
    return dict(zip(pool.ids, pool.labels.tolist(), strict=True))


def in_another_process(code, *arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options}
    code = f"import sys; from jaxhash.data import datasets\n{code}"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def test_corrected_lists_are_seen(lists, tmp_path, capsys):
    before = labels(datasets.load("coco", str(tmp_path), side=8))
    assert before["images/d.jpg"] == [0, 0, 1]
    old = names(tmp_path)
    path = lists / "database.txt"
    path.write_text(path.read_text().replace("d.jpg 0 0 1", "d.jpg 1 0 0"))
    after = labels(datasets.load("coco", str(tmp_path), side=8))
    assert after == {**before, "images/d.jpg": [1, 0, 0]}
    assert len(old) == len(names(tmp_path)) == 1 and old != names(tmp_path)
    for line in ("images/f.jpg 0 1 0\n", "images/b.jpg 0 1 0\n"):  # one is there, one is not
        with path.open("a") as file:
            file.write(line)
        datasets.load("coco", str(tmp_path), side=8)
    assert "coco: 1 file is left out (1: No such file or directory)" in capsys.readouterr().out


def test_a_changed_image_of_a_list_is_seen(lists, tmp_path):
    before = datasets.load("coco", str(tmp_path), side=8)
    picture(lists / "images" / "a.jpg")
    after = datasets.load("coco", str(tmp_path), side=8)
    row = list(after.ids).index("images/a.jpg")
    assert after.digests[row] != before.digests[list(before.ids).index("images/a.jpg")]
    assert (after.pixels[row] != before.pixels[row]).any()


def test_counts_that_do_not_fit_name_the_folder(lists, tmp_path):
    config = configs.base().data
    config.update(name="coco", protocol="coco_lists", dir=str(tmp_path), size=8)
    with pytest.raises(UserError, match=r"gives \(2, 1, 3\).*; delete .*") as error:
        data.build(config)
    [name] = names(tmp_path)
    assert f"; delete {tmp_path}/jaxhash/{name}/1.0.0 to have" in str(error.value)


def test_a_copy_is_used_where_its_lists_are_not(lists, tmp_path):
    before = labels(datasets.load("coco", str(tmp_path), side=8))
    shutil.move(lists / "images", tmp_path / "images")
    with pytest.raises(UserError, match="none of the images was found.*to use the copy in .*move"):
        datasets.load("coco", str(tmp_path), side=8)
    shutil.rmtree(tmp_path / "downloads")
    assert labels(datasets.load("coco", str(tmp_path), side=8)) == before
    # As jaxhash 0.1.0 named them.
    (tmp_path / "jaxhash" / names(tmp_path)[0]).rename(tmp_path / "jaxhash" / "coco")
    assert labels(datasets.load("coco", str(tmp_path), side=8)) == before


def test_one_copy_for_each_source(photos, home, tmp_path):
    shutil.copytree(photos, tmp_path / "others")
    for folder in (photos, tmp_path / "others"):
        datasets.load("folder", str(folder), side=8)
    assert len(names(home)) == 2
    for number in range(3):
        picture(photos / "cat" / f"new{number}.png")
        assert len(datasets.load("folder", str(photos), side=8).ids) == 7 + number
    assert len(names(home)) == 2
    assert {copy.source for copy in copies.found(home)} == {str(photos), str(tmp_path / "others")}


def test_a_copy_that_is_read_is_kept(photos, home):
    streamed = datasets.load("folder", str(photos), side=8, resident_bytes=0)
    before = streamed.pixels[:]
    some = streamed.pixels.select([0, 1])
    picture(photos / "cat" / "new.png")
    datasets.load("folder", str(photos), side=8)
    assert len(names(home)) == 2 and (streamed.pixels[:] == before).all()
    del streamed
    datasets.load("folder", str(photos), side=8)
    assert len(names(home)) == 2 and (some[:] == before[:2]).all()
    del some
    datasets.load("folder", str(photos), side=8)
    assert len(names(home)) == 1


def test_a_copy_that_another_process_reads_is_kept(photos, home):
    code = "pool = datasets.load('folder', sys.argv[1], 8, 0); print(1, flush=True); input()"
    other = in_another_process(code, photos, stdin=subprocess.PIPE)
    assert other.stdout.readline() == "1\n"
    [name] = names(home)
    with pytest.raises(UserError, match=f"{name}: another process uses it; end that one first"):
        copies.clean(home, name)
    picture(photos / "cat" / "new.png")
    datasets.load("folder", str(photos), side=8)
    assert name in names(home) and len(names(home)) == 2
    other.communicate("\n")
    datasets.load("folder", str(photos), side=8)
    assert len(names(home)) == 1 and name not in names(home)


def test_versions_are_compared_as_numbers(prepared):
    folder = prepared / "cifar10"
    shutil.copytree(folder / "3.0.2", folder / "10.0.0")
    shutil.copytree(folder / "3.0.2", folder / "9.0.0")
    shutil.copytree(folder / "3.0.2", folder / "incomplete.ABCDEF_11.0.0")
    assert copies.newest(folder).name == "10.0.0"
    assert datasets.load("cifar10", str(prepared)).folder == str(folder / "10.0.0")


def test_what_was_not_finished_does_not_count_and_is_deleted(photos, home):
    pool = datasets.load("folder", str(photos), side=8)
    folder = copies.newest(home / "jaxhash" / names(home)[0])
    folder.rename(folder.with_name("incomplete.ABCDEF_1.0.0"))
    assert len(datasets.load("folder", str(photos), side=8).ids) == len(pool.ids)
    assert os.listdir(folder.parent) == ["1.0.0"]
    (folder / copies.INFO).unlink()  # damaged
    assert len(datasets.load("folder", str(photos), side=8).ids) == len(pool.ids)


def test_two_processes_that_prepare_at_once_both_end_right(photos, home):
    code = "print(sorted(datasets.load('folder', sys.argv[1], 8).ids.tolist()))"
    others = [in_another_process(code, photos) for _ in range(3)]
    said = [other.communicate()[0] for other in others]
    for lines in said:
        assert lines.splitlines()[-1] == str(
            [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
        )
    assert [other.returncode for other in others] == [0, 0, 0] and len(names(home)) == 1


@pytest.mark.parametrize("locked", [True, False])
def test_two_that_prepare_at_once_share_a_copy(photos, home, monkeypatch, capfd, locked):
    """One by one where the file system has locks, and else the first that ends wins."""
    if not locked:
        monkeypatch.setattr(locks, "_lock", lambda *_: False)
    contents = datasets.describe("folder").contents(photos)
    slow = threading.Barrier(1 if locked else 2)
    written = []

    def entries():
        slow.wait(timeout=60)
        written.append(1)
        time.sleep(0.2)
        yield from contents.entries

    made = []

    def prepare():
        again = contents._replace(entries=entries())
        made.append(copies.prepare(again, "folder", "folder_x", home, "ELSEWHERE"))

    threads = [threading.Thread(target=prepare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [home / "jaxhash" / "folder_x" / "1.0.0"] * 2
    assert len(written) == (1 if locked else 2)
    assert [name for name in names(home) if not name.startswith(".")] == ["folder_x"]
    assert os.listdir(home / "jaxhash" / "folder_x") == ["1.0.0"]


def test_without_locks_nothing_is_deleted_unasked(photos, home, monkeypatch):
    monkeypatch.setattr(locks, "_lock", lambda *_: False)
    datasets.load("folder", str(photos), side=8)
    picture(photos / "cat" / "new.png")
    datasets.load("folder", str(photos), side=8)
    found = [name for name in names(home) if not name.startswith(".")]
    assert len(found) == 2
    for name in found:
        assert copies.clean(home, name) > 0
    assert copies.found(home) == []


def test_a_copy_that_vanishes_is_made_again(photos, home, monkeypatch):
    datasets.load("folder", str(photos), side=8)
    hold, calls = copies.hold, []

    def deleted_once(folder):
        calls.append(folder)
        if len(calls) == 1:
            copies.clean(home, folder.parent.name)
        return hold(folder)

    monkeypatch.setattr(copies, "hold", deleted_once)
    assert len(datasets.load("folder", str(photos), side=8).ids) == 6 and len(calls) == 2


def test_old_copies_have_no_digests(tmp_path):
    pool = datasets.load("digits", str(tmp_path))
    assert pool.digests is None and pool.folder.endswith("jaxhash/digits/1.0.0")


def test_only_what_jaxhash_made_is_deleted(photos, home, prepared, tmp_path):
    datasets.load("folder", str(photos), side=8)
    [name] = names(home)
    ours = home / "jaxhash"
    shutil.copytree(prepared / "cifar10", home / "cifar10")
    shutil.copytree(ours / name, ours / "with_notes")
    (ours / "with_notes" / "1.0.0" / "notes.txt").write_text("mine")
    shutil.copytree(ours / name, ours / "with_more")
    (ours / "with_more" / "thesis").mkdir()
    (ours / "link").symlink_to(photos)
    (ours / "inside").mkdir()
    (ours / "inside" / "1.0.0").symlink_to(photos)
    (ours / "file").write_text("")
    refused = ["cifar10", "../cifar10", ".", "..", "", str(photos), "with_notes", "with_more"]
    before = sorted(path for path in tmp_path.rglob("*"))
    for other in [*refused, "link", "inside", "file", "nowhere", f"{name}/1.0.0", "\0"]:
        with pytest.raises(UserError, match="not a copy that jaxhash has made under"):
            copies.clean(home, other)
    assert [copy.name for copy in copies.found(home)] == [name]
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert copies.clean(home, name) > 0 and name not in names(home)


def test_copies_are_described(photos, home):
    datasets.load("folder", str(photos), side=8)
    [copy] = copies.found(home)
    files = [path for path in (home / "jaxhash").rglob("*") if path.is_file()]
    assert copy.images == 6 and copy.source == str(photos)
    assert copy.size >= sum(path.stat().st_size for path in files)
    assert time.time() - copy.made < 600
    info = copy.folder / copies.INFO
    for content in ("{", "[]", json.dumps({"splits": [{}]})):
        info.write_text(content)
        assert copies.found(home)[0].images is None
    info.unlink()
    assert copies.found(home)[0]._replace(size=0, made=0) == (copy.name, None, None, 0, 0, "")
    assert copies.clean(home, copy.name) > 0 and names(home) == []
