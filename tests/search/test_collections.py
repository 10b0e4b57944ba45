"""Several collections in one index, as a person meets them: named, moved, shown, forgotten."""

import json
import shutil
import sqlite3
import threading
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.search.__main__ import main
from jaxhash.search.collection import catalog, earlier
from jaxhash.search.collection.named import Named
from jaxhash.search.collection.origin import digest
from jaxhash.search.commands import serve
from jaxhash.search.index.embedded import Embedded
from jaxhash.search.index.interface import Item
from jaxhash.search.service import server
from jaxhash.search.service.app import create_app
from tests.search import small
from tests.search.test_commands import search


@pytest.fixture
def run(tmp_path, tiny_encoder):
    """A trained run, and beside it two folders with files of the same names."""
    folder = small.trained(tmp_path / "run", tiny_encoder)
    for name, first in (("A", 0), ("B", 20)):
        for i in range(10):
            path = tmp_path / name / "d" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            small.picture(first + i).save(path)
    return folder


@pytest.fixture
def served(run, monkeypatch):
    """A function that returns a client of what `serve` would serve."""
    clients = []

    def start(workdir=run, **options):
        def create(encoder, index, pictures, **_):
            clients.append(TestClient(create_app(small.tiny_network(), index, pictures)))

        monkeypatch.setattr(server, "serve", create)
        monkeypatch.setattr(server, "LOOPBACK", frozenset({"testserver"}))
        search("serve", workdir, **options)
        return clients[-1].__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def pixels(client, id):
    answer = client.get("/api/picture", params={"id": id})
    assert answer.status_code == 200, answer.text
    return answer.content


def stored(run, index="index"):
    """The items of an index by id."""
    opened = Embedded(run / index, small.BITS, Encoder.from_checkpoint(run).identity())
    try:
        return {item.id: item for item in opened.items(limit=1_000_000)}
    finally:
        opened.close()


def code_of(run, seed):
    encoder = small.tiny_network()
    return encoder.codes([encoder.prepare(small.picture(seed))])[0]


@pytest.mark.slow
def test_two_indexes_of_one_run_show_their_own_pictures(run, served):
    search("index", run, images=run.parent / "A", index=run.parent / "one")
    search("index", run, images=run.parent / "B", index=run.parent / "two")
    first = served(index=run.parent / "one")
    second = served(index=run.parent / "two")
    assert pixels(first, "d/0.png") == small.saved(small.picture(0))
    assert pixels(second, "d/0.png") == small.saved(small.picture(20))


def test_folders_with_files_of_the_same_names_are_two_collections(run, served, capsys):
    a, b = run.parent / "A", run.parent / "B"
    (a / "x.png").write_text("no picture")
    (b / "x.txt").write_text("no picture")
    given = [f"--images={place}" for place in (a, b, a)]
    assert main(["index", f"--workdir={run}", *given]) is None
    assert (run / "index/damaged.txt").read_text().startswith("A/x.png\t")
    assert (run / "index/others.txt").read_text() == "B/x.txt\n"
    assert "the index holds 20 images" in capsys.readouterr().out
    items = stored(run)
    for name, first in (("A", 0), ("B", 20)):
        for i in range(10):
            assert (items[f"{name}/d/{i}.png"].code == code_of(run, first + i)).all()
    search("query", run, image=b / "d/3.png", k=1)
    assert capsys.readouterr().out.split()[:2] == ["0", "B/d/3.png"]
    search("query", run, image=b / "d/3.png", k=20, collection="A")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and all(line.split()[1].startswith("A/") for line in lines)
    client = served()
    for name, first in (("A", 0), ("B", 20)):
        assert pixels(client, f"{name}/d/0.png") == small.saved(small.picture(first))
    said = capsys.readouterr().out
    assert f"pictures of A: {a}\n" in said and f"pictures of B: {b}\n" in said


def test_one_collection_alone_is_not_named(run, capsys):
    search("index", run, images=run.parent / "A")
    capsys.readouterr()
    search("query", run, image=run.parent / "A/d/3.png", k=1)
    assert capsys.readouterr().out.split() == ["0", "d/3.png", "label=d"]


def test_another_folder_of_the_same_name_is_asked_about(run, capsys):
    search("index", run, images=run.parent / "A")
    (run.parent / "elsewhere").mkdir()
    other = (run.parent / "B").rename(run.parent / "elsewhere" / "A")
    with pytest.raises(UserError, match="the index has a collection A, of .*--collection=A, else"):
        search("index", run, images=other)
    assert len(stored(run)) == 10
    search("index", run, images=other, collection="second")
    assert len(stored(run)) == 20
    both = [f"--images={place}" for place in (run.parent / "A", other)]
    with pytest.raises(UserError, match="the index has a collection A, of "):
        main(["index", f"--workdir={run}", f"--index={run.parent / 'new'}", *both])


def test_a_library_that_moved_is_not_encoded_again(run, served, capsys):
    search("index", run, images=run.parent / "A")
    items = stored(run)
    new = (run.parent / "A").rename(run.parent / "new")
    (new / "d/0.png").unlink()
    capsys.readouterr()
    assert search("index", run, images=new, collection="A", prune="some") is None
    said = capsys.readouterr().out
    assert f"A: before, it was in {run.parent / 'A'}" in said and "0 new or changed" in said
    assert "9 there already, 0 with new metadata alone" in said
    assert "1 gone from the collection, deleted from the index: d/0.png" in said
    after = stored(run)
    assert sorted(after) == [f"A/d/{i}.png" for i in range(1, 10)]
    assert all((after[id].code == items[id].code).all() for id in after)
    assert pixels(served(), "d/1.png") == small.saved(small.picture(1))
    with pytest.raises(UserError, match="is the place of the collection A; forget that one first"):
        search("index", run, images=new, collection="C")


def test_a_folder_that_may_have_moved_is_asked_about(run, capsys):
    search("index", run, images=run.parent / "A")
    (run.parent / "A").rename(run.parent / "new")
    search("index", run, images=run.parent / "new")
    said = capsys.readouterr().out
    assert (
        f"{run.parent / 'A'}, of the collection A, is not there any more; if {run.parent}" in said
    )
    assert "give --collection=A: they are not encoded again then" in said


def test_serve_says_where_pictures_are_looked_for(run, served, capsys):
    search("index", run, images=run.parent / "A")
    moved = (run.parent / "A").rename(run.parent / "moved")
    client = served()
    assert "(not there; index --images=FOLDER --collection=A gives it another)" in (
        capsys.readouterr().out
    )
    answer = client.get("/api/picture", params={"id": "d/0.png"})
    assert answer.status_code == 404 and "are not there" in answer.json()["detail"]
    assert pixels(served(images=moved), "d/0.png") == small.saved(small.picture(0))
    assert pixels(served(images=f"A={moved}"), "d/0.png") == small.saved(small.picture(0))
    with pytest.raises(UserError, match="no such folder"):
        served(images=run.parent / "nowhere")
    search("index", run, images=run.parent / "B")
    with pytest.raises(UserError, match="expected NAME=FOLDER, .* collection: A, B"):
        served(images=moved)


def test_pictures_of_a_table_are_shown_wherever_they_lie(run, served):
    table = run.parent / "tables" / "list.csv"
    table.parent.mkdir()
    absolute = run.parent / "A/d/0.png"
    table.write_text(f"path,label\n../A/d/1.png,near\n{absolute},far\n")
    search("index", run, images=table)
    client = served()
    assert pixels(client, "../A/d/1.png") == small.saved(small.picture(1))
    assert pixels(client, str(absolute)) == small.saved(small.picture(0))


def test_what_is_excluded_is_remembered(run, capsys):
    search("index", run, images=run.parent / "A", exclude="[0-4].png")
    assert "5 images left out by --exclude" in capsys.readouterr().out
    search("index", run, images=run.parent / "A")
    assert len(stored(run)) == 5 and "5 images left out" in capsys.readouterr().out
    search("list", run)
    assert f"A          5 images  {run.parent / 'A'}, without [0-4].png" in capsys.readouterr().out
    search("index", run, images=run.parent / "A", exclude="0.png")
    assert len(stored(run)) == 9


def test_collections_ids_and_patterns_are_forgotten(run, served, capsys):
    search("index", run, images=run.parent / "A")
    search("index", run, images=run.parent / "B")
    search("forget", run, id="A/d/3.png")
    search("forget", run, pattern="d/[56].png")
    assert len(stored(run)) == 15
    search("forget", run, pattern="d/7.png", collection="B")
    assert "A/d/7.png" in stored(run) and "B/d/7.png" not in stored(run)
    with pytest.raises(UserError, match="--id=d/99.png: there is no such item"):
        search("forget", run, id="d/99.png")
    with pytest.raises(UserError, match="the index has none of this name"):
        search("forget", run, collection="C")
    capsys.readouterr()
    search("forget", run, collection="A")
    assert "7 deleted from the index, which holds 7 images; no file" in capsys.readouterr().out
    assert sorted(stored(run))[0].startswith("B/") and (run.parent / "A/d/0.png").exists()
    search("list", run)
    assert "A " not in capsys.readouterr().out
    search("index", run, images=run.parent / "A")
    assert len(stored(run)) == 17


def test_hits_as_json(run, capsys):
    search("index", run, images=run.parent / "A")
    capsys.readouterr()
    main(["query", f"--workdir={run}", f"--image={run.parent / 'A/d/2.png'}", "--json", "--k=2"])
    found = json.loads(capsys.readouterr().out)
    first, second = found["hits"]
    assert first == {"id": "d/2.png", "distance": 0, "metadata": {"label": "d"}}
    assert found["code"] == code_of(run, 2).tobytes().hex() and second["distance"] >= 0


def test_an_index_of_an_earlier_version_is_brought_up_to_date(run, served, capsys):
    """Its items keep their codes, its pictures are shown, and nothing is encoded again."""
    a = run.parent / "A"
    search("index", run, images=a)
    items = stored(run)
    identity = Encoder.from_checkpoint(run).identity()
    old = Embedded(run / "index", small.BITS, identity)
    tag = digest(str(a).encode())
    for id, item in items.items():
        kept = {n: v for n, v in item.metadata.items() if n != catalog.COLLECTION}
        path = id.removeprefix("A/")
        old.add([item._replace(id=path, metadata={**kept, earlier.FROM: tag})])
    other = {"label": "x", earlier.FROM: digest(b"/gone")}
    old.add([Item("z.png", np.zeros(2, np.uint8), other)])
    old.add([Item("mine", np.zeros(2, np.uint8), {})])
    old.delete([*items])
    for title, text in old.notes().items():
        old.note(title, None, text)
    named = Named(old)
    assert named.get(["d/0.png"])[0] is not None and earlier.is_earlier(old)
    old.close()
    (run / "index/images.json").write_text(json.dumps([str(a), None]))
    search("query", run, image=a / "d/3.png", k=1)
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["0", "d/3.png"]
    client = served()
    said = capsys.readouterr().out
    unknown = f"earlier-{digest(b'/gone')[:4]}"
    assert f"brought up to date: 12 items of an earlier version, now in A, {unknown}, up" in said
    after = stored(run)
    assert sorted(after) == sorted([*items, f"{unknown}/z.png", "uploads/mine"])
    assert all((after[id].code == items[id].code).all() for id in items)
    assert all(after[id].metadata == items[id].metadata for id in items)
    assert pixels(client, "A/d/0.png") == small.saved(small.picture(0))
    search("index", run, images=a)
    assert "10 there already, 0 with new metadata alone" in capsys.readouterr().out


def test_an_earlier_index_that_cannot_be_written_is_served(run, served, capsys, monkeypatch):
    """It is searched; its pictures lie nobody knows where."""
    search("index", run, images=run.parent / "A")
    index = Embedded(run / "index", small.BITS, Encoder.from_checkpoint(run).identity())
    items = index.items(limit=100)
    index.delete([item.id for item in items])
    index.add([item._replace(id=item.id.removeprefix("A/"), metadata={}) for item in items])
    for title, text in index.notes().items():
        index.note(title, None, text)
    index.close()

    def refused(*_):
        raise UserError("index: cannot be written")

    monkeypatch.setattr(earlier, "update", refused)
    client = served()
    assert "an index of an earlier version, whose pictures are not shown" in capsys.readouterr().out
    assert client.get("/api/similar", params={"id": "d/0.png"}).status_code == 200
    answer = client.get("/api/picture", params={"id": "d/0.png"})
    assert answer.status_code == 404 and "is not known" in answer.json()["detail"]


def test_bringing_up_to_date_goes_on_after_a_kill(tmp_path, monkeypatch):
    index = Embedded(tmp_path, small.BITS, "m")
    codes = np.random.RandomState(0).randint(0, 256, (50, 2), np.uint8) & np.array([255, 240])
    metadata = {earlier.FROM: digest(b"/photos")}
    items = [Item(f"{i:02}.png", code.astype(np.uint8), metadata) for i, code in enumerate(codes)]
    index.add(items)
    monkeypatch.setattr(earlier, "PAGE", 10)
    delete, calls = index.delete, []

    def dies(ids):
        calls.append(ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return delete(ids)

    monkeypatch.setattr(index, "delete", dies)
    place = catalog.Collection("photos", "/photos")
    with pytest.raises(KeyboardInterrupt):
        earlier.update(index, [place])
    assert earlier.is_earlier(index)
    earlier.update(index, [place])
    assert not earlier.is_earlier(index) and catalog.read(index) == {"photos": place}
    found = index.items(limit=100)
    assert [item.id for item in found] == [f"photos/{item.id}" for item in items]
    assert all((one.code == other.code).all() for one, other in zip(found, items, strict=True))
    index.close()


def test_a_place_of_an_earlier_version_is_adopted(run):
    index = Embedded(run.parent / "index", small.BITS, "m")
    tag = digest(str(run.parent / "A").encode())
    index.add([Item("d/0.png", np.zeros(2, np.uint8), {earlier.FROM: tag})])
    earlier.update(index)
    known = catalog.read(index)
    assert earlier.adopted(known, str(run.parent / "A")) == f"earlier-{tag[:4]}"
    assert earlier.adopted(known, str(run.parent / "B")) is None
    index.close()


def test_where_pictures_lie_is_said(run):
    assert serve._places([], {}) == {}
    with pytest.raises(UserError, match="the index has none"):
        serve._places([str(run)], {})


def test_a_backup_is_restored_while_the_index_is_served(run, served, capsys):
    search("index", run, images=run.parent / "A")
    search("backup", run, to=run.parent / "copy")
    assert "10 images in" in capsys.readouterr().out
    search("index", run, images=run.parent / "B")
    client = served()
    assert client.get("/api/about").json()["images"] == 20
    main(["restore", f"--workdir={run}", f"--from={run.parent / 'copy'}"])
    assert client.get("/api/about").json()["collections"] == ["A"]
    assert len(client.get("/api/items").json()["items"]) == 10
    assert pixels(client, "d/0.png") == small.saved(small.picture(0))
    with pytest.raises(UserError, match="exists"):
        search("backup", run, to=run.parent / "copy")
    with pytest.raises(UserError, match="only the index of one machine is copied"):
        search("backup", run, to=run.parent / "other", index="milvus://a:1/b")


def test_an_index_that_is_made_again_under_the_service_is_served(run, served):
    search("index", run, images=run.parent / "A")
    client = served()
    assert len(client.get("/api/items").json()["items"]) == 10
    shutil.rmtree(run / "index")
    answer = client.get("/api/items")
    assert answer.status_code == 503 and client.get("/health").status_code == 503
    search("index", run, images=run.parent / "B")
    assert pixels(client, "d/0.png") == small.saved(small.picture(20))
    files = {"image": ("x.png", small.saved(small.picture(50)))}
    assert client.post("/api/items", files=files).status_code == 201
    assert len(stored(run)) == 11


def test_a_write_that_waits_stops_no_search(run, served, monkeypatch):
    search("index", run, images=run.parent / "A")
    client = served()
    other = sqlite3.connect(run / "index/codes.sqlite", isolation_level=None)
    other.execute("begin immediate")
    files = {"image": ("x.png", small.saved(small.picture(50)))}
    added = []
    thread = threading.Thread(
        target=lambda: added.append(client.post("/api/items", files=files).status_code)
    )
    thread.start()
    began = time.monotonic()
    while time.monotonic() - began < 1:
        assert client.get("/api/similar", params={"id": "d/1.png"}).status_code == 200
    assert not added
    other.execute("rollback")
    other.close()
    thread.join()
    assert added == [201]
