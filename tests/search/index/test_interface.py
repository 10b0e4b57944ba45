"""What holds for every engine, seen from the interface alone."""

import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.search.index.interface import Item
from tests.search.index.engines import ENGINES, LABELS, BruteForce, Places, answers, make, same

FILTERS = (None, {"label": LABELS[2]}, {"label": LABELS[4], "half": "a"}, {"label": "none such"})


@pytest.fixture(params=ENGINES)
def places(request, tmp_path):
    places = Places(request.param, tmp_path)
    yield places
    places.close()


@pytest.mark.parametrize("kind", ["random", "clusters", "equal"])
@pytest.mark.parametrize("bits", [12, 24, 36, 48, 64, 128])
def test_answers_are_those_of_brute_force(places, bits, kind):
    items, queries = make(400, bits, kind)
    index, expected = places.open(bits=bits), BruteForce(items)
    index.add(items)
    for where in FILTERS[:3]:
        for k in (1, 10, 150, 1000):
            found = answers(index.nearest(queries, k, where))
            assert found == expected.nearest(queries, k, where), (where, k)
        for radius in (0, bits // 2, 10 * bits):
            found = answers(index.within(queries, radius, where))
            assert found == expected.within(queries, radius, where), (where, radius)


def test_hits_bring_their_items_along(places):
    items, queries = make(50, 48)
    index = places.open(bits=48)
    index.add(items)
    by_id = {item.id: item for item in items}
    for hit in index.nearest(queries, 50)[0]:
        assert same(hit.item, by_id[hit.item.id])


def test_an_empty_index_answers(places):
    index = places.open(bits=12)
    query = np.zeros((2, 2), np.uint8)
    for where in FILTERS:
        assert index.nearest(query, 5, where) == index.within(query, 12, where) == [[], []]
        assert index.count(where) == 0 and index.items(where=where) == []
    assert index.get(["a"]) == [None] and index.get([]) == []
    assert index.delete(["a"]) == 0
    index.add([])
    assert index.nearest(query[:0], 5) == []


def test_no_neighbours_and_no_radius(places):
    items, queries = make(20, 64)
    index = places.open()
    index.add(items)
    assert index.nearest(queries[:1], 0) == index.within(queries[:1], -1) == [[]]


def test_changes_are_seen_at_once(places):
    items, queries = make(300, 64, "clusters")
    index, expected = places.open(), BruteForce(items[:200])
    index.add(items[:200])

    def agree():
        assert answers(index.nearest(queries, 120)) == expected.nearest(queries, 120)
        where = {"half": "b"}
        assert answers(index.within(queries, 20, where)) == expected.within(queries, 20, where)
        assert index.count() == len(expected.stored)
        assert index.count(where) == len(expected.find(where))

    agree()
    index.add(items[200:])
    expected.stored |= {item.id: item for item in items[200:]}
    agree()
    gone = [item.id for item in items[50:150]]
    assert index.delete([*gone, "never there", gone[0]]) == 100
    for id in gone:
        del expected.stored[id]
    agree()
    replaced = [item._replace(code=items[0].code, metadata={"half": "b"}) for item in items[:20]]
    index.add(replaced)
    expected.stored |= {item.id: item for item in replaced}
    agree()
    index.add(items[100:150])
    expected.stored |= {item.id: item for item in items[100:150]}
    agree()


def test_of_two_with_one_id_the_last_is_kept(places):
    index = places.open(bits=8)
    codes = np.array([[1], [2]], np.uint8)
    index.add([Item("a", codes[0], {"n": "1"}), Item("a", codes[1], {"n": "2"})])
    assert index.count() == 1
    assert same(index.get(["a"])[0], Item("a", codes[1], {"n": "2"}))


def test_items_are_listed_in_the_order_of_their_ids(places):
    items, _ = make(230, 64)
    index, expected = places.open(), BruteForce(items)
    index.add(items)
    for where in FILTERS:
        listed, page = [], index.items(limit=60, where=where)
        while page:
            assert len(page) <= 60
            listed += page
            page = index.items(after=page[-1].id, limit=60, where=where)
        assert [item.id for item in listed] == [item.id for item in expected.find(where)]
    assert all(same(item, expected.stored[item.id]) for item in index.items(limit=1000))
    assert index.items(limit=0) == []


def test_an_id_may_be_any_text(places):
    index = places.open(bits=8)
    index.add([Item("b", np.array([0], np.uint8), {})])
    for id in ("a", "ä/日本/😀.jpg", 'quote".jpg', "back\\slash", "new\nline", "%_'", "😀" * 512):
        item = Item(id, np.array([7], np.uint8), {"label": id, "n\"\\am'e": "x"})
        index.add([item])
        assert same(index.get([id])[0], item)
        for where in ({"label": id}, {"n\"\\am'e": "x"}):
            assert [hit.item.id for hit in index.nearest(item.code[None], 2, where)[0]] == [id]
        assert index.delete([id]) == 1
        assert [item and item.id for item in index.get([id, "b"])] == [None, "b"]


def test_what_cannot_be_stored_is_refused_whole(places):
    index = places.open(bits=12)
    good = Item("nul", np.array([1, 16], np.uint8), {})
    index.add([good])
    for id in ("", "a" * 578, "nul\0", "half a \ud83d"):
        with pytest.raises(UserError, match="cannot be the id of an image"):
            index.add([good._replace(id="b"), good._replace(id=id)])
        assert index.get([id, "b"]) == [None, None]
        assert index.delete([id]) == 0
    for metadata in ({"": "x"}, {"n": 1}, {"n": None}, {"n": "\ud83d"}):
        with pytest.raises(ValueError, match="metadata of 'c' are not names and texts"):
            index.add([good._replace(id="b"), good._replace(id="c", metadata=metadata)])
    for code in ([1, 2, 3], [1], [0, 1]):
        with pytest.raises(ValueError, match="codes"):
            index.add([good._replace(id="b"), good._replace(code=np.array(code, np.uint8))])
        with pytest.raises(ValueError, match="codes"):
            index.nearest(np.array([code], np.uint8), 1)
    assert [item.id for item in index.items()] == ["nul"]


def test_what_was_stored_is_there_after_opening_again(places):
    items, queries = make(100, 36)
    address = places.address()
    index = places.open(address, bits=36)
    index.add(items)
    found = answers(index.nearest(queries, 100))
    again = places.open(address, bits=36, create=False)
    assert again.count() == 100 and answers(again.nearest(queries, 100)) == found


def test_one_sees_what_another_changes(places):
    items, queries = make(300, 64, "clusters")
    address = places.address()
    writer, reader = places.open(address), places.open(address)
    writer.add(items[:200])
    writer_only = answers(writer.nearest(queries, 300))
    places.settle()
    assert answers(reader.nearest(queries, 300)) == writer_only
    writer.add(items[200:])
    writer.delete([item.id for item in items[:50]])
    expected = BruteForce(items[50:])
    places.settle()
    assert answers(reader.nearest(queries, 300)) == expected.nearest(queries, 300)
    where = {"half": "a"}
    assert answers(reader.within(queries, 9, where)) == expected.within(queries, 9, where)


def test_codes_of_another_network_are_refused(places):
    address = places.address()
    places.open(address, bits=16, model="ours").add([Item("a", np.zeros(2, np.uint8), {})])
    with pytest.raises(UserError, match="of bits 16, this encoder gives bits 12"):
        places.open(address, bits=12, model="ours")
    with pytest.raises(UserError, match="of model ours, this encoder gives model theirs"):
        places.open(address, bits=16, model="theirs", create=False)
    assert places.open(address, bits=16, model="ours").count() == 1


def test_no_index_is_made_where_none_is_asked_for(places):
    address = places.address()
    for _ in range(2):
        with pytest.raises(UserError, match="no index yet; make one with"):
            places.open(address, create=False)


def test_notes_are_texts_by_title(places):
    address = places.address()
    index = places.open(address)
    assert index.notes() == {}
    assert index.note('collection:a/\u00eb "b"', "{}", None)
    assert not index.note('collection:a/\u00eb "b"', "other", None)  # it is there already
    assert index.note("second", "x" * 10_000, None)
    places.settle()
    other = places.open(address, create=False)
    assert other.notes() == {'collection:a/\u00eb "b"': "{}", "second": "x" * 10_000}
    assert other.note("second", "new", "x" * 10_000) and not other.note("second", "y", "z")
    assert other.note('collection:a/\u00eb "b"', None, "{}")
    assert other.notes() == {"second": "new"}
    assert index.count() == other.count() == 0  # notes are no items


def test_features_of_another_kind_are_refused(places):
    index = places.open(bits=16)
    for features in (np.zeros(4, np.float32), np.zeros((2, 2), np.int8)):
        with pytest.raises(ValueError, match=r"expected int8 \[d\]"):
            index.add([Item("a", np.zeros(2, np.uint8), {}, features)])
    assert index.count() == 0 and index.features(["a"]) == [None]


def test_features_follow_their_items(places):
    index = places.open(bits=16)
    made, queries = make(20, 16)
    items = [item._replace(features=np.array([0, -128, 127], np.int8)) for item in made]
    index.add(items)
    ids = [item.id for item in items]
    assert all(found.tolist() == [0, -128, 127] for found in index.features(ids))
    # No other call returns them, nor what they are stored as.
    assert all(same(item, stored) for item, stored in zip(items, index.get(ids), strict=True))
    assert all(hit.item.features is None for hit in index.nearest(queries[:1], 5)[0])
    index.add([items[0]._replace(features=None), items[1]._replace(features=np.array([9], "i1"))])
    index.delete([ids[2]])
    index.add([items[2]._replace(features=None)])
    none, other, gone, *rest = index.features([*ids, "none"])
    assert none is None and other.tolist() == [9] and gone is None and rest.pop() is None
    assert all(found.tolist() == [0, -128, 127] for found in rest)
