"""Bringing an index up to date with a folder, a manifest or a data set."""

import os

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from jaxhash.data import datasets, protocols
from jaxhash.encoders.batches import compiled
from jaxhash.errors import UserError
from jaxhash.search.collection import prepared, sources, workers
from jaxhash.search.collection.catalog import Collection as Place
from jaxhash.search.collection.collect import collect
from jaxhash.search.index.embedded import Embedded
from jaxhash.search.index.interface import shown
from jaxhash.search.service.thumbnails import NotShown, Pictures
from tests.search import small


class Collection:
    """A folder of pictures, its index, and a count of what is encoded."""

    def __init__(self, folder, encoder, batch=4):
        self.folder, self.encoder, self.encoded = folder / "pictures", encoder, 0
        self.index = Embedded(folder / "index", small.BITS, encoder.identity())
        self._encode = compiled(encoder, batch)

    def save(self, id, seed, size=(24, 16)):
        path = self.folder / id
        path.parent.mkdir(parents=True, exist_ok=True)
        small.picture(seed, size).save(path)
        return path

    def encode(self, pixels):
        self.encoded += len(pixels)
        return self._encode(pixels)

    def collect(self, images=None, data_dir=None, exclude=(), name="photos", **options):
        place = sources.resolve(str(images or self.folder))
        origin = sources.without(sources.find(place, data_dir), exclude)
        channels = len(self.encoder.augment.mean)
        options = {"size": small.SIZE, "channels": channels, "batch_size": 4} | options
        return collect(origin, name, self.index, self.encode, **options)

    def get(self, *paths, name="photos"):
        return self.index.get([f"{name}/{path}" for path in paths])

    def check(self, path, seed, size=(24, 16)):
        """Says whether the code of an item is that of a picture."""
        pixels = small.pixels_of(small.picture(seed, size))
        [item] = self.get(path)
        return (item.code == self._encode(pixels[None])[0]).all()


def listed(place, data_dir=None, seed=0):
    return sources.find(sources.resolve(str(place)), data_dir, seed)


@pytest.fixture
def collection(tmp_path, tiny_encoder):
    made = Collection(tmp_path, tiny_encoder)
    for i in range(10):
        made.save(f"{'ab'[i % 2]}/deep/{i}.png", i, size=(20 + i, 16))
    made.save("top.JPG", 10)
    yield made
    made.index.close()


def test_a_folder_is_encoded_once(collection):
    report = collection.collect()
    assert report == (11, 0, 0, [], [], 0, [], False, 11)
    for i in range(10):
        assert collection.check(f"{'ab'[i % 2]}/deep/{i}.png", i, size=(20 + i, 16))
    assert shown(collection.get("a/deep/0.png")[0].metadata) == {"label": "a"}
    assert shown(collection.get("top.JPG")[0].metadata) == {}
    assert collection.index.count({"label": "b"}) == 5
    again = collection.collect()
    assert again == (0, 0, 11, [], [], 0, [], False, 11) and collection.encoded == 11
    assert collection.collect(force=True).encoded == 11 and collection.encoded == 22


def test_what_changed_is_encoded_again_and_no_more(collection):
    collection.collect()
    collection.save("a/deep/2.png", 77)
    collection.save("c/new.png", 78)
    report = collection.collect()
    assert (report.encoded, report.there, collection.encoded) == (2, 10, 13)
    assert collection.check("a/deep/2.png", 77) and collection.check("c/new.png", 78)


def test_what_is_gone_is_told_and_pruned_when_asked(collection):
    """Of its own collection; more than a tenth of that only when asked for all."""
    collection.collect()
    other = collection.folder.parent / "other"
    (collection.folder / "b").rename(other)
    added = collection.get("top.JPG")[0]
    collection.index.add([added._replace(id="photos2/b/deep/1.png", metadata={"label": "b"})])
    gone = [f"b/deep/{i}.png" for i in (1, 3, 5, 7, 9)]
    report = collection.collect()
    assert report.gone == gone and report.stored == 11 and not report.pruned
    report = collection.collect(prune="some")
    assert report.gone == gone and not report.pruned and report.many_gone
    assert collection.index.count() == 12
    report = collection.collect(prune="all")
    assert report.gone == gone and report.pruned
    assert collection.index.count() == 7 and collection.get(*gone) == [None] * 5
    assert collection.collect(other, name="other").encoded == 5
    assert collection.collect(prune="all").gone == []  # another folder's are left alone
    assert collection.index.count() == 12


def test_a_tenth_is_pruned_without_being_asked_twice(collection):
    for i in range(20, 29):
        collection.save(f"c/{i}.png", i)
    collection.collect()
    (collection.folder / "c/20.png").unlink()
    (collection.folder / "c/21.png").unlink()
    report = collection.collect(prune="some")
    assert report.gone == ["c/20.png", "c/21.png"] and report.stored == 20 and report.pruned
    assert collection.index.count() == 18


def test_below_an_empty_folder_nothing_is_known_to_be_gone(collection):
    """It may be a disk that is not mounted."""
    collection.collect()
    for path in (collection.folder / "b/deep").iterdir():
        path.unlink()
    lost = [f"b/deep/{i}.png" for i in (1, 3, 5, 7, 9)]
    for prune in (None, "some"):
        report = collection.collect(prune=prune)
        assert report.gone == [] and report.empty == lost and collection.index.count() == 11
    report = collection.collect(prune="all")
    assert report.gone == lost and report.empty == [] and collection.index.count() == 6


def test_a_folder_that_moved_is_not_encoded_again(collection):
    collection.collect()
    moved = collection.folder.rename(collection.folder.parent / "moved")
    (moved / "top.JPG").unlink()
    report = collection.collect(moved, prune="some")
    assert (report.encoded, report.relabelled, report.there) == (0, 0, 10)
    assert report.gone == ["top.JPG"] and report.pruned


def test_what_is_excluded_is_left_out_and_counted(collection):
    collection.collect()
    origin = sources.without(listed(collection.folder), ["b", "*.JPG"])
    assert len(origin.entries) == 5 and len(origin.excluded) == 6
    report = collection.collect(exclude=["b/deep/1.png"], prune="some")
    assert report.gone == ["b/deep/1.png"] and report.pruned
    with pytest.raises(UserError, match="--exclude leaves out all 11 images"):
        collection.collect(exclude=["*"])


def test_files_in_folders_of_the_system_are_counted_apart(collection):
    collection.save("a/@eaDir/SYNOPHOTO_THUMB_M.jpg", 1)
    collection.save("#recycle/old.png", 2)
    (collection.folder / "notes.txt").write_text("no picture")
    origin = listed(collection.folder)
    assert len(origin.entries) == 11 and origin.others == ["notes.txt"]
    assert origin.system == ["#recycle/old.png", "a/@eaDir/SYNOPHOTO_THUMB_M.jpg"]


def test_damaged_files_are_skipped_and_told(collection):
    whole = collection.save("a/whole.bmp", 5).read_bytes()
    (collection.folder / "a/cut.bmp").write_bytes(whole[:300])
    (collection.folder / "a/empty.jpg").write_bytes(b"")
    (collection.folder / "a/text.png").write_text("not a picture")
    (collection.folder / "a/.hidden.png").write_text("left out")
    (collection.folder / "a/notes.txt").write_text("counted, but no picture")
    (collection.folder / "a" / ("a" * 200)).mkdir()
    long = "/".join(["a", *3 * ["a" * 200], "whole.bmp"])
    (collection.folder / long).parent.mkdir(parents=True)
    (collection.folder / long).write_bytes(whole)
    os.symlink("nowhere", collection.folder / "a/link.jpg")
    bad_name = os.fsencode(collection.folder / "a") + b"/\xff.png"
    with open(bad_name, "wb") as file:
        file.write(whole)
    report = collection.collect()
    reasons = dict(report.damaged)
    assert report.encoded == 12 and len(reasons) == 6
    assert reasons[long] == "its path is 614 characters long, of at most 512: shorten it"
    assert reasons["a/?.png"] == (
        "its path is not valid Unicode without null characters: rename it"
    )
    assert "damaged" in reasons["a/cut.bmp"] and "empty" in reasons["a/empty.jpg"]
    assert "picture" in reasons["a/text.png"] and "No such file" in reasons["a/link.jpg"]
    assert collection.index.count() == 12


def test_workers_decode_what_one_process_does(collection, monkeypatch):
    (collection.folder / "b/broken.gif").write_text("no")
    collection.collect()
    alone = collection.index.items()
    paths = [entry.file for entry in listed(collection.folder).entries]
    monkeypatch.setattr(workers, "FEW", 1)
    monkeypatch.setattr(workers, "CHUNK", 2)
    monkeypatch.setattr(workers, "AHEAD", 1)
    found = list(workers.decode_files(paths, 8, 3, workers=2))
    expected = [workers.decode_file(path, 8, 3) for path in paths]
    assert len(found) == len(expected) == 12
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    collection.index.delete([item.id for item in alone])
    report = collection.collect(workers=2)
    assert (report.encoded, len(report.damaged)) == (11, 1)
    for one, other in zip(collection.index.items(), alone, strict=True):
        assert one.id == other.id and (one.code == other.code).all()


def test_a_worker_that_is_killed_is_told_in_one_line(collection, monkeypatch):
    monkeypatch.setattr(workers, "FEW", 1)
    monkeypatch.setattr(workers, "partial", lambda work, **_: _die)
    with pytest.raises(UserError, match="was killed, perhaps for want of memory"):
        collection.collect(workers=1)


def _die(paths):
    os.abort()


def test_what_was_stored_before_an_interruption_is_not_encoded_again(collection):
    encode = collection.encode

    def fails_at_the_third(pixels):
        if collection.encoded == 8:
            raise KeyboardInterrupt
        return encode(pixels)

    collection.encode = fails_at_the_third
    with pytest.raises(KeyboardInterrupt):
        collection.collect()
    collection.encode = encode
    stored = collection.index.count()
    report = collection.collect()
    assert (stored, report.there, report.encoded) == (8, 8, 3)


def test_a_manifest_gives_metadata(collection):
    table = collection.folder / "table.csv"
    table.write_text(
        'path,label,note\na/deep/0.png,cat,"one, two"\ntop.JPG,dog,\nmissing.png,x,y\n'
    )
    report = collection.collect(table)
    assert (report.encoded, len(report.damaged)) == (2, 1)
    assert report.damaged == [("missing.png", "No such file or directory")]
    first, second = collection.get("a/deep/0.png", "top.JPG")
    assert shown(first.metadata) == {"label": "cat", "note": "one, two"}
    assert shown(second.metadata) == {"label": "dog"}
    table.write_text("path,label\na/deep/0.png,tiger\n")
    report = collection.collect(table, prune="all")
    assert (report.encoded, report.relabelled, report.gone) == (0, 1, ["top.JPG"])
    [item] = collection.index.items()
    assert shown(item.metadata) == {"label": "tiger"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'path'; the columns are "),
        ("file,label\na.png,cat\n", "no column 'path'; the columns are file, label"),
        ("path,_stamp\na.png,cat\n", "column '_stamp' begins with '_'"),
        ("path,label\n", "the table is empty"),
        ("path,label\na.png\n", "line 2: as many values as columns are expected, 2: path, label"),
        ("path,label\na.png,b,c\n", "line 2: as many values as columns are expected"),
        ("path,label\n,cat\n", "line 2: no path"),
        ('path\n"a.png\n', "not a CSV file in UTF-8"),
        ("path\n\udcff.png\n", "not a CSV file in UTF-8"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, text, message):
    table = tmp_path / "table.csv"
    table.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=message):
        listed(table)


@pytest.mark.slow
def test_a_prepared_data_set(tmp_path, data_dir):
    encoder = small.tiny_encoder(channels=1)
    collection = Collection(tmp_path, encoder, batch=512)
    report = collection.collect("tfds:digits", data_dir, batch_size=512)
    assert report.encoded == collection.index.count() == 1797
    pool = datasets.load("digits", data_dir)
    item = collection.get(pool.ids[5])[0]
    image = small.pixels_of(Image.fromarray(pool.pixels[5, ..., 0]), 1)  # resized as a file is
    assert (item.code == collection.encode(image[None])[0]).all()
    assert shown(item.metadata) == {"label": pool.class_names[pool.labels[5].argmax()]}
    assert collection.collect("tfds:digits", data_dir).there == 1797
    assert collection.collect("tfds:digits/all", data_dir).there == 1797
    with pytest.raises(UserError, match="has images of 1 channels, the network reads 3"):
        collection.index.delete([item.id])
        collection.collect("tfds:digits", data_dir, channels=3)
    with pytest.raises(UserError, match="no split or protocol test; known: all, digits"):
        collection.collect("tfds:digits/test", data_dir)
    with pytest.raises(UserError, match="did you mean digits?"):
        collection.collect("tfds:digit", data_dir)
    collection.index.close()
    pixels = prepared.PreparedPixels("tfds:digits", data_dir)
    assert len(pixels) == 1797
    pictures, place = Pictures(tmp_path / "added"), Place("photos", "tfds:digits", str(data_dir))
    seen = pictures.read(place, str(pool.ids[5]))
    assert (np.asarray(seen) == pool.pixels[5, ..., 0]).all()
    with pytest.raises(NotShown, match="not there any more"):
        pictures.read(place, "nowhere")


def test_the_database_of_a_protocol(data_dir):
    pool, rule = datasets.load("digits", data_dir), datasets.protocol("digits", "digits")
    for seed in (0, 1):
        origin = listed("tfds:digits/digits", data_dir, seed)
        split = protocols.split(rule, pool.labels, pool.parts, pool.ids, seed)
        expected = pool.ids[split.database].tolist()
        assert [entry.path for entry in origin.entries] == expected


def test_a_parquet_table_gives_metadata(collection):
    columns = {"path": ["a/deep/0.png", "top.JPG"], "label": [["cat", "dog"], None], "n": [1, 2]}
    pyarrow.parquet.write_table(pyarrow.table(columns), collection.folder / "table.parquet")
    assert collection.collect(collection.folder / "table.parquet").encoded == 2
    first, second = collection.get("a/deep/0.png", "top.JPG")
    assert shown(first.metadata) == {"label": "cat|dog", "n": "1"}
    assert shown(second.metadata) == {"n": "2"}


def test_a_folder_that_cannot_be_listed_is_named_and_its_items_stay(collection, monkeypatch):
    collection.collect()
    (collection.folder / "top.JPG").unlink()
    listdir = os.listdir

    def refusing(path):
        if str(path).endswith("pictures/b"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    assert listed(collection.folder).unlisted == [("b", "Permission denied")]
    report = collection.collect(prune="all")
    assert report.gone == ["top.JPG"] and report.unlisted == 5
    assert collection.index.count({"label": "b"}) == 5
    monkeypatch.setattr(os, "listdir", lambda path: refusing(f"{path}/pictures/b"))
    with pytest.raises(UserError, match="the folder cannot be listed .Permission denied."):
        collection.collect(prune="all")


def test_links_are_followed_and_other_kinds_found(collection):
    elsewhere = collection.folder.parent / "elsewhere"
    elsewhere.mkdir()
    small.picture(50).save(elsewhere / "far.png")
    small.picture(51).save(elsewhere / "noext", "PNG")
    small.picture(52).save(elsewhere / "grey.ppm")
    (collection.folder / "a/more").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(collection.folder)
    origin = listed(collection.folder)
    ids = {entry.path: shown(entry.metadata) for entry in origin.entries}
    assert len(ids) == 14
    for name in ("far.png", "noext", "grey.ppm"):
        assert ids[f"a/more/{name}"] == {"label": "a"}


def test_a_folder_whose_path_is_not_utf8(tmp_path, tiny_encoder):
    parent = tmp_path / os.fsdecode(b"caf\xe9")
    collection = Collection(parent, tiny_encoder)
    collection.save("a.png", 1)
    assert collection.collect().encoded == 1 and collection.collect().there == 1
    collection.index.close()


def test_no_images(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UserError, match="no images found .1 other files.; expected pictures as"):
        listed(tmp_path)
    with pytest.raises(UserError, match="a file; expected a folder, a table"):
        listed(tmp_path / "a.txt")
    with pytest.raises(UserError, match="no such folder; expected"):
        listed(tmp_path / "nowhere")
