"""The service: what it finds, adds, deletes, lists and shows; its limits and its guard."""

import asyncio
import functools
import io
import json

import numpy as np
import pytest
from PIL import Image

from jaxhash.data.images import decoder
from jaxhash.errors import UserError
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.service.access import Access
from jaxhash.search.service.middleware import Limits
from jaxhash.search.service.server import check_access, serve
from tests.search import small
from tests.search.small import picture, saved

FIRST, CATS = "cat/00.png", [f"cat/{i:02d}.png" for i in range(0, 12, 2)]


def upload(image, name="query.png"):
    data = image if isinstance(image, bytes) else saved(image)
    return {"image": (name, data)}


def search(client, image, **params):
    return client.post("/api/search", files=upload(image), params=params)


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def refused(answer, status, said=""):
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"detail"} and said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
    return answer


@pytest.mark.slow
def test_an_upload_finds_itself_first_and_then_what_is_near(client, place):
    found = search(client, picture(3), k=5).json()
    hits = found["hits"]
    assert hits[0]["id"] == "dog/03.png" and hits[0]["distance"] == 0
    assert hits[0]["code"] == found["code"] and hits[0]["metadata"] == {"label": "dog"}
    assert len(hits) == found["total"] == 5
    code = np.frombuffer(bytes.fromhex(found["code"]), np.uint8)
    (expected,) = Named(place.index).nearest(code[None], 5)
    assert [(hit["id"], hit["distance"]) for hit in hits] == [
        (hit.item.id, hit.distance) for hit in expected
    ]


def test_a_radius_and_a_filter(client, place):
    item = place.index.get([f"pictures/{FIRST}"])[0]
    (expected,) = Named(place.index).within(item.code[None], 4, {"label": "cat"})
    found = client.get("/api/similar", params={"id": FIRST, "radius": 4, "where": "label=cat"})
    assert ids(found) == [hit.item.id for hit in expected]
    assert set(ids(search(client, picture(1), radius=12, where="label=cat"))) == set(CATS)
    assert ids(search(client, picture(1), where=["label=cat", "label2=x"])) == []


def test_many_at_once_share_calls_and_each_gets_its_own(place):
    async def ask(app, seeds):
        import httpx2 as httpx

        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://here") as client,
        ):
            answers = await asyncio.gather(
                *(client.post("/api/search", files=upload(picture(i))) for i in seeds)
            )
            return answers, (await client.get("/metrics")).text

    answers, metrics = asyncio.run(ask(place.app(), [*range(12)] * 2))
    for i, answer in enumerate(answers):
        hits = {hit["id"]: hit["distance"] for hit in answer.json()["hits"]}
        assert hits[f"{small.LABELS[i % 2]}/{i % 12:02d}.png"] == 0
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    assert float(lines["jaxhash_batch_pictures_sum"]) == 24
    assert float(lines["jaxhash_batch_pictures_count"]) < 20
    assert (
        float(lines['jaxhash_requests_total{method="POST",route="/api/search",status="200"}']) == 24
    )
    assert float(lines["jaxhash_images"]) == 12


def test_the_collection_is_listed_in_pages(client):
    seen, after = [], ""
    while after is not None:
        page = client.get("/api/items", params={"after": after, "limit": 5}).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
    assert len(seen) == 12 and seen == sorted(seen)
    page = client.get("/api/items", params={"where": "label=cat"}).json()
    assert [item["id"] for item in page["items"]] == CATS and page["next"] is None
    about = client.get("/api/about").json()
    assert about["images"] == 12 and about["metadata"] == {"label": ["cat", "dog"]}


def test_a_picture_is_added_found_shown_and_deleted(client, place):
    data = {"id": "my cat", "metadata": json.dumps({"label": "new"})}
    added = client.post("/api/items", files=upload(picture(40, (300, 200))), data=data)
    assert added.status_code == 201 and added.json()["metadata"] == {"label": "new"}
    assert added.json()["id"] == "uploads/my cat"
    found = search(client, picture(40, (300, 200)), radius=0, where="label=new")
    assert ids(found) == ["uploads/my cat"]
    shown = client.get("/api/picture", params={"id": "my cat", "side": 64})
    assert Image.open(io.BytesIO(shown.content)).size == (64, 43)
    assert client.delete("/api/item", params={"id": "my cat"}).json() == {"deleted": 1}
    refused(client.delete("/api/item", params={"id": "my cat"}), 404)
    refused(client.get("/api/picture", params={"id": "my cat"}), 404)
    assert not list((place.folder / "added").iterdir())
    assert ids(search(client, picture(0), where="label=new")) == []


def test_without_an_id_the_content_names_it(client):
    first, second = (client.post("/api/items", files=upload(picture(50))).json() for _ in "ab")
    assert first == second and first["id"].startswith("uploads/added-")
    assert client.get("/api/about").json()["images"] == 13


@pytest.mark.parametrize(
    "data, said",
    [
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": '{"a": 1}'}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": '{"_stamp": "x"}'}, "metadata"),
        ({"metadata": json.dumps({str(i): "" for i in range(17)})}, "metadata"),
        ({"id": "a" * 513}, "id"),
        ({"id": "a\0b"}, "id"),
    ],
)
def test_what_cannot_be_added_is_refused(client, place, data, said):
    refused(client.post("/api/items", files=upload(picture(0)), data=data), 422, said)
    assert place.index.count() == 12


def test_an_upload_of_a_files_name_is_another_item(client, place):
    """And is shown under a name of its own; so is the file again."""
    file = client.get("/api/picture", params={"id": FIRST}).content
    added = client.post("/api/items", files=upload(picture(41)), data={"id": FIRST}).json()
    again = client.post("/api/items", files=upload(picture(41)), data={"id": added["id"]}).json()
    assert added == again and added["id"] == f"uploads/{FIRST}"
    assert client.get("/api/about").json()["collections"] == ["pictures", "uploads"]
    for name in (f"pictures/{FIRST}", "cat/02.png"):  # a path that one collection alone has
        assert client.get("/api/item", params={"id": name}).status_code == 200
    refused(client.get("/api/item", params={"id": FIRST}), 404)  # either of two
    assert client.get("/api/picture", params={"id": f"pictures/{FIRST}"}).content == file
    assert client.get("/api/picture", params={"id": added["id"]}).content != file
    both = search(client, picture(0), radius=12, collection="uploads")
    assert ids(both) == [added["id"]]
    client.delete("/api/item", params={"id": added["id"]})
    assert client.get("/api/picture", params={"id": f"pictures/{FIRST}"}).content == file


def test_deleting_leaves_the_indexed_folder_alone(client, place):
    client.delete("/api/item", params={"id": FIRST})
    assert (place.folder / "pictures" / FIRST).exists() and place.index.count() == 11
    refused(client.get("/api/similar", params={"id": FIRST}), 404, "no picture of this id")


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "cat/../../secret.png"])
def test_no_id_leads_out_of_the_folder(place, path):
    """Even were it in the index, as nobody can make it but with a picture of one's own."""
    picture(0).save(place.folder / "secret.png")
    item = place.index.get([f"pictures/{FIRST}"])[0]
    added = [item._replace(id=f"pictures/{id}") for id in (path, f"{place.folder}/secret.png")]
    place.index.add(added)
    with place.client() as client:
        answer = client.get("/api/picture", params={"id": path})
        refused(answer, 404, "lies outside the folder of its collection")
        refused(client.get("/api/picture", params={"id": f"{place.folder}/secret.png"}), 404)
        assert client.get("/api/picture", params={"id": FIRST}).status_code == 200
        assert client.get(f"/{path}").status_code == 404
        assert client.get("/..%2f..%2fsetup.cfg").status_code == 404


def test_the_name_of_an_upload_is_a_label_and_no_path(client, place):
    before = sorted(place.folder.rglob("*"))
    for name in ("../../evil.png", "/tmp/evil.png", "a\\..\\b.svg", "x.exe", "n" * 3000):
        files = upload(saved(picture(3), "JPEG", quality=95), name)
        assert client.post("/api/search", files=files).status_code == 200
        added = client.post("/api/items", files=files).json()
        client.delete("/api/item", params={"id": added["id"]})
    made = set(place.folder.rglob("*")) - set(before)
    assert {path.name for path in made} <= {"added"}


def test_what_is_no_picture_is_refused(client):
    refused(search(client, b""), 400, "empty")
    refused(search(client, b"hello"), 415, "JPEG")
    refused(search(client, saved(picture(0), "JPEG")[:300]), 400, "damaged")
    refused(search(client, picture(0, (2000, 600))), 413, "2000 x 600 pixels")
    refused(client.post("/api/search", json={"image": "http://here/a.png"}), 422, "image")
    refused(client.post("/api/search", data={"image": "http://here/a.png"}), 422, "image")


@pytest.mark.parametrize(
    "params, said",
    [
        ({"k": 0}, "k:"),
        ({"k": 1001}, "k:"),
        ({"k": "many"}, "k:"),
        ({"radius": -1}, "radius:"),
        ({"where": "label"}, "name=value"),
        ({"where": "=cat"}, "name=value"),
    ],
)
def test_what_makes_no_sense_is_refused(client, params, said):
    refused(search(client, picture(0), **params), 422, said)
    refused(client.get("/api/similar", params={"id": FIRST, **params}), 422, said)


def test_attention_is_a_picture_to_be_laid_over_the_query(client, place, tmp_path):
    for answer in (
        client.post("/api/attention", files=upload(picture(0, (200, 100)))),
        client.get("/api/attention", params={"id": FIRST}),
    ):
        assert answer.headers["content-type"] == "image/png"
        overlay = Image.open(io.BytesIO(answer.content))
        assert overlay.mode == "RGBA" and overlay.width == 512 and overlay.height < 400
        low, high = overlay.getchannel("A").getextrema()
        assert low == 0 and high == 200
    refused(client.post("/api/attention", files=upload(b"hello")), 415)
    plain = small.place(tmp_path / "plain", small.tiny_network("none"), 2)
    with plain.client() as other:
        assert other.get("/api/about").json()["attention"] is False
        refused(other.post("/api/attention", files=upload(picture(0))), 404, "no attention")


@pytest.mark.slow
def test_grey_networks_take_pictures_in_colour(tmp_path):
    with small.place(tmp_path, small.tiny_network(channels=1), 4).client() as client:
        assert ids(search(client, picture(3), k=1)) == ["dog/03.png"]


def test_an_empty_index_finds_nothing(tmp_path):
    with small.place(tmp_path, small.tiny_network(), 0).client() as client:
        assert ids(search(client, picture(0))) == []
        assert client.get("/api/items").json() == {"items": [], "next": None}
        assert client.get("/health").json() == {"status": "ok"}


def test_an_index_that_fails_is_not_the_clients_fault(client, place, monkeypatch, caplog):
    def broken(*_):
        raise UserError("/secret/path: disk full")

    monkeypatch.setattr(place.index, "get", broken)
    answer = refused(client.get("/api/similar", params={"id": FIRST}), 503, "log")
    assert "secret" not in answer.text and "disk full" in caplog.text
    assert client.get("/health").status_code == 503
    monkeypatch.setattr(place.index, "get", None)
    refused(client.get("/api/similar", params={"id": FIRST}), 500, "log")


def test_another_networks_index_is_refused(place):
    place.index.bits = 16
    with pytest.raises(UserError, match="codes of 16 bits, the network makes 12"):
        place.app()


def test_the_index_is_closed_at_the_end(place):
    closed = []
    place.index.close, close = lambda: closed.append(1), place.index.close
    with place.client():
        assert not closed
    assert closed == [1]
    close()


def test_pictures_that_are_gone_are_said_to_be(client, place):
    (place.folder / "pictures" / FIRST).unlink()
    refused(client.get("/api/picture", params={"id": FIRST}), 404, "not there any more")
    refused(client.get("/api/attention", params={"id": FIRST}), 404, "not there any more")


def test_a_picture_that_cannot_be_shown_is_not_called_gone(client, place, monkeypatch):
    file = place.folder / "pictures" / FIRST
    file.write_bytes(saved(picture(0))[:200])
    refused(client.get("/api/picture", params={"id": FIRST}), 404, "the picture is damaged")
    picture(0).save(file)
    with monkeypatch.context() as patched:
        patched.setattr(decoder, "read", functools.partial(decoder.read, max_pixels=100))
        refused(client.get("/api/picture", params={"id": FIRST}), 404, "at most 0.0001 megapixels")
    (place.folder / "pictures").rename(place.folder / "moved")
    answer = client.get("/api/picture", params={"id": FIRST})
    refused(answer, 404, "the pictures of the collection pictures are not there")
    unknown = catalog.Collection("pictures")
    catalog.write(place.index, unknown, catalog.read(place.index)["pictures"])
    answer = client.get("/api/picture", params={"id": FIRST})
    refused(answer, 404, "where the pictures of the collection pictures lie is not known")


def test_linked_files_and_folders_are_shown(client, place):
    moved = place.folder / "elsewhere"
    (place.folder / "pictures" / "cat").rename(moved)
    (place.folder / "pictures" / "cat").symlink_to(moved)
    assert client.get("/api/picture", params={"id": FIRST}).status_code == 200


@pytest.mark.parametrize(
    ("size", "small_size"), [((20_000, 2100), (64, 7)), ((12_000, 9000), (64, 48))]
)
def test_every_picture_that_is_indexed_is_shown(client, place, size, small_size):
    Image.new("L", size, 7).save(place.folder / "pictures" / FIRST, "JPEG")
    shown = client.get("/api/picture", params={"id": FIRST, "side": 64})
    assert Image.open(io.BytesIO(shown.content)).size == small_size
    assert client.get("/api/attention", params={"id": FIRST}).status_code == 200
    assert Limits().max_pixels == decoder.MAX_PIXELS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_without_a_token_it_stays_on_this_machine(host, place):
    with pytest.raises(UserError, match="a token is needed") as error:
        serve(small.tiny_encoder(), place.index, place.pictures, host=host)
    assert "\n" not in str(error.value)
    assert check_access(host, "s3cret") == Access("s3cret", None)
    with pytest.raises(UserError, match="token is empty"):
        check_access(host, " ")


def test_a_port_that_is_taken_is_named(place):
    with small.running(place.app()) as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(small.tiny_encoder(), place.index, place.pictures, port=port)


def test_limits_have_defaults():
    assert Limits().max_bytes == 20 * 2**20
