"""Joins indexes whose parts were made by several jobs."""

from collections.abc import Mapping, Sequence

from tqdm import tqdm

from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.catalog import UPLOADS, Collection
from jaxhash.search.index.interface import Index, Item, pages
from jaxhash.search.index.reranking import KEPT

PAGE = 1_000


def merge(index: Index, parts: Mapping[str, Index]) -> int:
    """Adds the items of other indexes, and their collections.

    What is there already is left alone, so that a call that was killed is completed by another.

    Args:
      index: that gets the items.
      parts: indexes of the same network, by the names that errors call them.

    Returns:
      how many items were added.

    Raises:
      UserError: two parts have an item of the same name, or a part and the index have different
        ones, or collections of one name that lie at different places; nothing is added then.
    """
    _check_overlaps(parts)
    found = [(name, catalog.read(part)) for name, part in parts.items()]
    collections = _joined([("the index", catalog.read(index)), *found])
    for name, part in parts.items():
        for page in pages(part, PAGE):
            _differing(name, page, index.get([item.id for item in page]))
    before = catalog.read(index)
    for collection in collections.values():
        if before.get(collection.name) != collection:
            catalog.write(index, collection, before.get(collection.name))
    if any(KEPT in part.notes() for part in parts.values()):
        index.note(KEPT, "int8", index.notes().get(KEPT))
    added = 0
    total = sum(part.count() for part in parts.values())
    with tqdm(total=total, desc="merge", unit=" images", disable=None) as bar:
        for part in parts.values():
            for page in pages(part, PAGE):
                there = index.get([item.id for item in page])
                new = [item for item, stored in zip(page, there, strict=True) if stored is None]
                if new:
                    vectors = part.features([item.id for item in new])
                    pairs = zip(new, vectors, strict=True)
                    index.add([item._replace(features=vector) for item, vector in pairs])
                added += len(new)
                bar.update(len(page))
    return added


def _check_overlaps(parts: Mapping[str, Index]) -> None:
    """Compares the names of all items, in order, with those of the parts before."""
    names = [*parts]
    for place, name in enumerate(names):
        for page in pages(parts[name], PAGE):
            ids = [item.id for item in page]
            for other in names[:place]:
                for found in parts[other].get(ids):
                    if found is not None:
                        raise UserError(
                            f"--merge={name}: it and {other} both have {printable(found.id)}; "
                            "merge parts that do not overlap"
                        )


def _differing(name: str, page: Sequence[Item], there: Sequence[Item | None]) -> None:
    for item, stored in zip(page, there, strict=True):
        if stored is None:
            continue
        same = (item.code == stored.code).all() and dict(item.metadata) == dict(stored.metadata)
        if not same:
            raise UserError(
                f"--merge={name}: the index has another {printable(item.id)}; forget one of them"
            )


def _joined(of: Sequence[tuple[str, Mapping[str, Collection]]]) -> dict[str, Collection]:
    known: dict[str, tuple[str, Collection]] = {}
    for name, collections in of:
        for collection in collections.values():
            if collection.name == UPLOADS:
                raise UserError(
                    f"--merge: {name} holds pictures added through a service, which are kept "
                    "beside it; forget the collection uploads there first"
                )
            first, before = known.setdefault(collection.name, (name, collection))
            if before != collection:
                raise UserError(
                    f"--merge: {first} and {name} have different collections {collection.name}, of "
                    f"{printable(str(before.place))} and {printable(str(collection.place))}; "
                    "index them with the same --images and --exclude, or give --collection"
                )
    return {name: collection for name, (_, collection) in known.items()}
