"""Indexes of earlier versions, whose items had no collections: bringing them up to date.

There an item was named by its path alone, and its metadata had a digest of the place it came from.
"""

import os
from collections.abc import Iterable, Mapping

from tqdm import tqdm

from jaxhash.search.collection import catalog
from jaxhash.search.collection.catalog import COLLECTION, PREPARED, UPLOADS, Collection
from jaxhash.search.collection.origin import digest
from jaxhash.search.index.interface import OWN, Index, Item

FROM = OWN + "from"  # metadata of an earlier version: the digest of an item's place
FORMAT, CURRENT = "format", "2"  # the note on how items are named
PAGE = 1_000


def update(index: Index, places: Iterable[Collection] = ()) -> int:
    """Gives each item of an earlier version its collection; codes stay.

    After a kill the next call continues. Nothing happens to an index that is up to date.

    Args:
      index: that can be written.
      places: where pictures lay, with `place` and `data_dir`; items from elsewhere get a collection
        whose place is not known, named `earlier-` and the first digits of a digest.

    Returns:
      the number of items that were given one.
    """
    if index.notes().get(FORMAT) == CURRENT:
        return 0
    known = {digest(os.fsencode(str(each.place))): each for each in places}
    changed, after = 0, ""
    with tqdm(total=index.count(), desc="update", unit=" items", disable=None) as bar:
        while page := index.items(after, PAGE):
            old = [item for item in page if COLLECTION not in item.metadata]
            new = [_updated(item, known) for item in old]
            _remember(index, old, new, known)
            index.add(new)
            index.delete([item.id for item in old])
            changed += len(old)
            after = page[-1].id
            bar.update(len(page))
    index.note(FORMAT, CURRENT, index.notes().get(FORMAT))
    return changed


def is_earlier(index: Index) -> bool:
    """Says whether an index has items of an earlier version."""
    return index.notes().get(FORMAT) != CURRENT and index.count() > 0


def adopted(known: Mapping[str, Collection], place: str) -> str | None:
    """Finds the collection of an earlier version that came from a place.

    >>> name = f"earlier-{digest(b'/photos')[:4]}"
    >>> adopted({name: Collection(name)}, "/photos") == name
    True
    """
    name = _unknown(digest(os.fsencode(place)))
    return name if name in known and known[name].place is None else None


def _updated(item: Item, known: Mapping[str, Collection]) -> Item:
    tag, path = item.metadata.get(FROM), item.id
    name, place = _name(tag, known), known[tag].place if tag and tag in known else None
    if place is not None and place.startswith(PREPARED):
        path = path.removeprefix(place.removeprefix(PREPARED).partition("/")[0] + "/")
    metadata = {n: value for n, value in item.metadata.items() if n != FROM}
    return Item(catalog.key(name, path), item.code, {**metadata, COLLECTION: name})


def _name(tag: str | None, known: Mapping[str, Collection]) -> str:
    if tag is None:
        return UPLOADS
    return known[tag].name if tag in known else _unknown(tag)


def _unknown(tag: str) -> str:
    return f"earlier-{tag[:4]}"


def _remember(
    index: Index, old: list[Item], new: list[Item], known: Mapping[str, Collection]
) -> None:
    there = catalog.read(index)
    for name, tag in {
        after.metadata[COLLECTION]: before.metadata.get(FROM)
        for before, after in zip(old, new, strict=True)
    }.items():
        if name not in there:
            catalog.write(index, known.get(tag or "", Collection(name)), None)
