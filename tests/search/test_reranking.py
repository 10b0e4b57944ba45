"""Features beside codes, and hits put in order by them."""

import json

import numpy as np
import pytest

from jaxhash.encoders.batches import compiled, separate
from jaxhash.encoders.exported import Exported
from jaxhash.encoders.exporter import export_encoder
from jaxhash.errors import UserError
from jaxhash.search.__main__ import main
from jaxhash.search.index.engines import open_index
from jaxhash.search.index.reranking import KEPT
from tests.search import small


@pytest.fixture
def run(tmp_path, tiny_encoder):
    folder = small.trained(tmp_path / "run", tiny_encoder)
    (tmp_path / "photos").mkdir()
    for i in range(30):
        small.picture(i).save(tmp_path / "photos" / f"{i:02}.png")
    return folder


def search(run, command, *flags):
    return main([command, f"--workdir={run}", *flags])


def test_features_are_u_in_steps_of_its_largest(tiny_encoder):
    pixels = np.stack([small.pixels_of(small.picture(i)) for i in range(5)])
    rows = compiled(tiny_encoder, 4, features=True)(pixels)
    codes, features = separate(rows, small.BITS)
    assert (codes == compiled(tiny_encoder, 4)(pixels)).all()
    u = tiny_encoder.model.apply(
        tiny_encoder.variables, tiny_encoder.augment.for_encoding(pixels)
    ).u
    expected = np.round(u / np.abs(u).max(axis=1, keepdims=True) * 127)
    assert features.dtype == np.int8 and np.abs(features - expected).max() <= 1
    assert (np.abs(features.astype(int)).max(axis=1) == 127).all()


def test_hits_are_in_the_order_of_an_exhaustive_comparison(run, capsys, tiny_encoder):
    search(run, "index", f"--images={run.parent / 'photos'}", "--features")
    capsys.readouterr()
    search(run, "query", f"--image={run.parent / 'photos' / '07.png'}", "--rerank=30", "--json")
    hits = json.loads(capsys.readouterr().out)["hits"]
    pixels = np.stack([small.pixels_of(small.picture(i)) for i in range(30)])
    codes, features = separate(compiled(tiny_encoder, 4, features=True)(pixels), small.BITS)
    vectors = features / np.linalg.norm(features.astype(float), axis=1, keepdims=True)
    cosine = vectors @ vectors[7]
    order = np.argsort(-cosine, kind="stable")[:10]
    assert [hit["similarity"] for hit in hits] == pytest.approx(cosine[order].tolist(), abs=1e-9)
    assert hits[0]["id"] == "07.png" and hits[0]["distance"] == 0
    differ = np.unpackbits(codes ^ codes[7], axis=1).sum(axis=1)
    for hit in hits:
        assert hit["distance"] == differ[int(hit["id"][:2])]
    # Of the nearest five by code alone.
    search(run, "query", f"--image={run.parent / 'photos' / '07.png'}", "--rerank=5", "--k=5")
    lines = capsys.readouterr().out.splitlines()
    nearest = np.lexsort((np.arange(30), differ))[:5]
    assert {line.split()[2] for line in lines} == {f"{i:02}.png" for i in nearest}
    assert [float(line.split()[1]) for line in lines] == sorted(
        (float(line.split()[1]) for line in lines), reverse=True
    )
    search(run, "query", f"--image={run.parent / 'photos' / '07.png'}", "--rerank", "--radius=2")
    assert len(capsys.readouterr().out.splitlines()) == (differ <= 2).sum()


def test_an_index_without_features_gets_them_and_keeps_them(run, capsys):
    images, photo = f"--images={run.parent / 'photos'}", run.parent / "photos" / "07.png"
    search(run, "index", images)
    with pytest.raises(UserError, match=r"^--rerank: the index has no features; index again with"):
        search(run, "query", f"--image={photo}", "--rerank")
    search(run, "index", images, "--features")
    assert "30 new or changed" in capsys.readouterr().out
    # Known from now on, without the flag; what did not change is left alone.
    small.picture(99).save(photo)
    search(run, "index", images)
    out = capsys.readouterr().out
    assert "1 new or changed" in out and "29 there already" in out
    search(run, "query", f"--image={photo}", "--rerank", "--k=30", "--json")
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert len(hits) == 30 and all("similarity" in hit for hit in hits)
    assert hits[0]["id"] == "07.png" and hits[0]["similarity"] == pytest.approx(1)


def test_what_has_none_comes_last(run, capsys, tiny_encoder):
    search(run, "index", f"--images={run.parent / 'photos'}", "--features")
    index = open_index(str(run / "index"), small.BITS, tiny_encoder._replace(step=3).identity())
    (item,) = index.get(["photos/07.png"])
    index.add([item])  # as an upload is
    index.close()
    capsys.readouterr()
    photo = run.parent / "photos" / "07.png"
    search(run, "query", f"--image={photo}", "--rerank", "--k=30", "--json")
    *others, last = json.loads(capsys.readouterr().out)["hits"]
    assert last["id"] == "07.png" and "similarity" not in last
    assert all("similarity" in hit for hit in others)


def test_merged_parts_keep_their_features_and_what_comes_later_gets_them(run, capsys):
    photos = run.parent / "photos"
    for number in (1, 2):
        flags = (f"--images={photos}", f"--part={number}/2", f"--index={run / str(number)}")
        search(run, "index", *flags, "--features")
    search(run, "index", *(f"--merge={run / name}" for name in ("1", "2")))
    small.picture(99).save(photos / "07.png")
    capsys.readouterr()
    search(run, "index", f"--images={photos}")
    assert "1 new or changed" in capsys.readouterr().out
    search(run, "query", f"--image={photos / '07.png'}", "--rerank", "--k=30", "--json")
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert len(hits) == 30 and all("similarity" in hit for hit in hits)


def test_an_exported_encoder_has_none(run, tmp_path):
    export_encoder(run, tmp_path / "encoder")
    exported = Exported.load(tmp_path / "encoder")
    with pytest.raises(UserError, match="computes codes alone, no features"):
        compiled(exported, 1, features=True)
    with pytest.raises(UserError, match="computes codes alone, no features"):
        main(
            [
                "index",
                f"--workdir={tmp_path / 'encoder'}",
                f"--images={tmp_path / 'photos'}",
                "--features",
                f"--index={tmp_path / 'new'}",
            ]
        )
    assert not (tmp_path / "new").exists()


def test_the_service_puts_hits_in_order_by_features(tmp_path):
    place = small.place(tmp_path, small.tiny_network(), 12)
    with place.client() as client:
        assert client.get("/api/about").json()["features"] is False
        answer = client.get("/api/similar", params={"id": "cat/00.png", "rerank": 5})
        assert (
            answer.status_code == 400 and "index again with --features" in answer.json()["detail"]
        )
    place = small.place(tmp_path, small.tiny_network(), 0)
    network = place.network
    encoded = network.encode([network.prepare(small.picture(i)) for i in range(4)])
    place.index.note(KEPT, "int8", None)
    items = place.index.items(limit=12)
    index_items = [i._replace(features=e.features) for i, e in zip(items, encoded, strict=False)]
    place.index.add(index_items)
    with place.client() as client:
        assert client.get("/api/about").json()["features"] is True
        query = small.saved(small.picture(99))
        sent = {"image": ("x.png", query)}
        found = client.post("/api/search", files=sent, params={"rerank": 12, "k": 12}).json()
        known = [hit["similarity"] for hit in found["hits"] if hit["similarity"] is not None]
        assert len(known) == 4 and known == sorted(known, reverse=True)
        assert [hit["similarity"] for hit in found["hits"][4:]] == [None] * 8
        plain = client.post("/api/search", files=sent, params={"k": 12}).json()
        assert {hit["id"] for hit in plain["hits"]} == {hit["id"] for hit in found["hits"]}
        assert all(hit["similarity"] is None for hit in plain["hits"])
        # An upload gets features of its own.
        assert client.post("/api/items", files=sent, data={"id": "new"}).status_code == 201
        hits = client.get("/api/similar", params={"id": "uploads/new", "rerank": 9, "k": 1}).json()
        (best,) = hits["hits"]
        assert best["id"] == "uploads/new" and best["similarity"] == pytest.approx(1)
        within = client.get(
            "/api/similar", params={"id": "uploads/new", "rerank": 9, "radius": small.BITS}
        ).json()
        assert within["total"] == 13 and within["hits"][0]["id"] == "uploads/new"
