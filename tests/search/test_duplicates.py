"""Near-duplicates: groups by the command and by the service."""

import json
import shutil

import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.search.__main__ import main
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.index.interface import Item
from jaxhash.search.service.duplicates import find
from tests.search import small


@pytest.fixture
def run(tmp_path, tiny_encoder):
    """A trained run with an index: three pictures, copies of two of them, in two folders."""
    folder = small.trained(tmp_path / "run", tiny_encoder)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
    for i in range(3):
        small.picture(i).save(tmp_path / "A" / f"{i}.png")
    shutil.copy(tmp_path / "A" / "0.png", tmp_path / "B" / "0.png")
    small.picture(1).save(tmp_path / "B" / "one.bmp")
    main(
        ["index", f"--workdir={folder}", f"--images={tmp_path / 'A'}", f"--images={tmp_path / 'B'}"]
    )
    return folder


def duplicates(run, capsys, *options):
    capsys.readouterr()
    main(["duplicates", f"--workdir={run}", *options])
    return capsys.readouterr().out


def test_text_and_json(run, capsys):
    groups = json.loads(duplicates(run, capsys, "--json", "--radius=0"))["groups"]
    assert groups == [["A/0.png", "B/0.png"], ["A/1.png", "B/one.bmp"]]
    lines = duplicates(run, capsys, "--radius=0").splitlines()
    assert lines[0] == "group 1: 2 images"
    size = (run.parent / "A" / "0.png").stat().st_size
    assert lines[1].split() == [str(size), *["bytes", "24", "x", "16", "same", "bytes", "A/0.png"]]
    assert lines[5].split()[2:] == ["24", "x", "16", "B/one.bmp"]
    assert lines[-1] == "4 images in 2 groups; nothing was deleted"


def test_of_one_collection_and_with_every_bit(run, capsys):
    assert json.loads(duplicates(run, capsys, "--json", "--radius=0", "--collection=A")) == {
        "groups": []
    }
    (everything,) = json.loads(duplicates(run, capsys, "--json", "--radius=99"))["groups"]
    assert len(everything) == 5
    with pytest.raises(UserError, match="the index has none of this name; known: A, B"):
        duplicates(run, capsys, "--collection=a")
    with pytest.raises(UserError, match="--radius: expected a whole number from 0"):
        duplicates(run, capsys, "--radius=-1")


def test_files_that_are_gone_or_damaged_are_listed_without_size(run, capsys):
    (run.parent / "A" / "0.png").unlink()
    (run.parent / "B" / "one.bmp").write_bytes(b"BM")
    lines = duplicates(run, capsys, "--radius=0").splitlines()
    assert lines[1].split() == ["A/0.png"] and lines[5].split() == ["B/one.bmp"]
    assert lines[2].split()[-1] == "B/0.png" and "same" not in lines[2]


def test_one_picture_and_ten_thousand_equal_ones(tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 1)
    named = Named(place.index)
    assert find(named, 12) == []
    code = place.index.items()[0].code
    key, metadata = catalog.key(small.COLLECTION, "{:05}.png"), {catalog.COLLECTION: "pictures"}
    place.index.add([Item(key.format(i), code.copy(), metadata) for i in range(10_000)])
    (group,) = find(named, 1)
    assert len(group) == 10_001 and group == sorted(group)
    other = code ^ np.array([0, 0b0100_0000], np.uint8)
    place.index.add([Item("pictures/z.png", other, metadata)])
    assert [len(group) for group in find(named, 0)] == [10_001]
    assert [len(group) for group in find(named, 1)] == [10_002]
    place.index.close()


def test_the_service_shows_groups(tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 6)
    same = tmp_path / "pictures" / "cat" / "zz.png"
    shutil.copy(tmp_path / "pictures" / "cat" / "00.png", same)
    (item,) = place.index.get(["pictures/cat/00.png"])
    place.index.add([item._replace(id="pictures/cat/zz.png")])
    with place.client() as client:
        found = client.get("/api/duplicates", params={"radius": 0}).json()
        assert found["total"] == 1 and found["radius"] == 0
        facts = {"bytes": same.stat().st_size, "width": 24, "height": 16, "same": True}
        assert found["groups"] == [[{"id": f"cat/{name}.png", **facts} for name in ("00", "zz")]]
        assert client.get("/api/duplicates").json()["radius"] == small.BITS // 8
        one = client.get("/api/duplicates", params={"radius": 0, "collection": "none"})
        assert one.json()["groups"] == []
        assert client.get("/api/duplicates", params={"radius": -1}).status_code == 422
        # Of a very large group the first are shown.
        path = "pictures/{:04}.png"
        place.index.add([item._replace(id=path.format(i)) for i in range(300)])
        (group,) = client.get("/api/duplicates", params={"radius": 0}).json()["groups"]
        assert len(group) == 100 and group[0]["bytes"] is None
