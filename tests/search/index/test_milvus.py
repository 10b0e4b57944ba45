"""The Milvus engine where it differs: its limits, its absence, what is no index of ours."""

import time

import pytest

from jaxhash.errors import UserError
from jaxhash.search.index import engines, milvus
from tests.search.index.engines import (
    LABELS,
    MILVUS,
    BruteForce,
    Places,
    answers,
    make,
    needs_milvus,
)


@pytest.fixture
def places(tmp_path):
    places = Places("milvus", tmp_path)
    yield places
    places.close()


@needs_milvus
@pytest.mark.parametrize("kind", ["clusters", "equal"])
def test_more_hits_than_milvus_returns(places, kind, monkeypatch):
    monkeypatch.setattr(milvus, "MAX_HITS", 70)
    monkeypatch.setattr(milvus, "ROWS", 30)
    items, queries = make(300, 36, kind)
    index, expected = places.open(bits=36), BruteForce(items)
    index.add(items)
    for where in (None, {"label": LABELS[0]}):
        for k in (5, 60, 70, 120, 500):
            assert answers(index.nearest(queries, k, where)) == expected.nearest(queries, k, where)
        for radius in (0, 12, 36):
            found = answers(index.within(queries, radius, where))
            assert found == expected.within(queries, radius, where)
    assert len(index.items(limit=250)) == 250
    assert index.delete([item.id for item in items[:100]]) == 100


@needs_milvus
def test_a_collection_of_somebody_else_is_left_alone(places):
    index = places.open()
    index._client.create_collection("theirs", dimension=4)
    with pytest.raises(UserError, match="a collection of another program"):
        places.open(f"{MILVUS}/theirs")
    index._client.drop_collection("theirs")


@pytest.mark.parametrize("create", [True, False])
def test_nothing_answers(create):
    start = time.monotonic()
    with pytest.raises(UserError, match="milvus://127.0.0.1:1/codes: Fail connecting") as error:
        engines.open_index("milvus://127.0.0.1:1/codes", 64, "m", create)
    assert "\n" not in str(error.value) and time.monotonic() - start < 15


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("redis://localhost/1", "unknown scheme redis://; expected a folder, or milvus://host"),
        ("milvus://localhost/codes", "expected milvus://host:port/collection"),
        ("milvus://localhost:19530/my-codes", "the collection of letters, digits and _"),
        ("milvus://localhost:19530", "expected milvus://host:port/collection"),
    ],
)
def test_an_address_of_no_known_form(address, message):
    with pytest.raises(UserError, match=message):
        engines.open_index(address, 64, "m")
