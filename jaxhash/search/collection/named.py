"""An index whose items have the names that people see and give."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxhash.search.collection import catalog
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.index.interface import Hit, Index, Item
from jaxhash.search.index.reranking import KEPT, Ranked, rerank


class Named:
    """Searches an index by names; see `jaxhash.search.collection.catalog` for what these are.

    Hits and items are in the order of ids in the index, `collection/path`.
    """

    def __init__(self, index: Index):
        """Takes the index, which stays that of the caller."""
        self.index = index
        self.bits, self.model = index.bits, index.model

    def collections(self) -> dict[str, Collection]:
        """Returns the collections of the index, by name."""
        return catalog.read(self.index)

    def get(self, names: Sequence[str]) -> list[Item | None]:
        """Returns items by name, None for a name that no item has, or several have."""
        known = self.collections()
        found = self._stored(known, names)
        return [None if item is None else _shown(known, item) for item in found]

    def locate(self, name: str) -> tuple[Collection, str] | None:
        """Returns the collection of an item, and its path there; None where there is no such item.

        Of an item whose collection is not known, the collection has no name.
        """
        return self.places([name])[0]

    def places(self, names: Sequence[str]) -> list[tuple[Collection, str] | None]:
        """Returns where items are: see `locate`."""
        known = self.collections()
        return [item and _place(known, item) for item in self._stored(known, names)]

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""
        return self._hits(self.index.nearest(codes, k, where))

    def features(self, names: Sequence[str]) -> list[np.ndarray | None]:
        """Returns the features of items by name; None for one without, or that is not there."""
        found = self._stored(self.collections(), names)
        return self.index.features(["" if item is None else item.id for item in found])

    def keeps_features(self) -> bool:
        """Says whether the index keeps features, for what is added too."""
        return KEPT in self.index.notes()

    def rerank(
        self,
        code: np.ndarray,
        features: np.ndarray,
        *,
        among: int,
        radius: int | None = None,
        where: Mapping[str, str] | None = None,
    ) -> list[Ranked]:
        """Finds the `among` items nearest to a code, and puts them in order by their features.

        Args:
          code: uint8 [ceil(bits/8)].
          features: of the query, int8 [d].
          among: number of items.
          radius: instead of `among`: all items within this many bits.
          where: as in `nearest`.
        """
        if radius is None:
            (hits,) = self.index.nearest(code[None], among, where)
        else:
            (hits,) = self.index.within(code[None], radius, where)
        known = self.collections()
        return [
            one._replace(hit=one.hit._replace(item=_shown(known, one.hit.item)))
            for one in rerank(self.index, hits, features)
        ]

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items within `radius` bits of each query, codes uint8 [q ceil(bits/8)]."""
        return self._hits(self.index.within(codes, radius, where))

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items in the order of ids, from the first one after `after`."""
        known = self.collections()
        if after and len(known) == 1:
            after = catalog.key(next(iter(known)), after)
        return [_shown(known, item) for item in self.index.items(after, limit, where)]

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""
        return self.index.count(where)

    def add(
        self,
        path: str,
        code: np.ndarray,
        metadata: Mapping[str, str],
        features: np.ndarray | None = None,
    ) -> Item:
        """Adds an item to the uploads, or replaces the one of this path; returns it as shown.

        Features, int8 [d], are stored where the index keeps them.
        """
        known = self.collections()
        uploads = Collection(catalog.UPLOADS)
        if catalog.UPLOADS not in known:
            # False where another process has just done it.
            self.index.note(catalog.NOTE + uploads.name, catalog.text(uploads), None)
        key = catalog.key(uploads.name, path)
        item = Item(key, code, {**metadata, catalog.COLLECTION: uploads.name})
        kept = features if self.keeps_features() else None
        self.index.add([item._replace(features=kept)])
        return _shown(self.collections(), item)

    def delete(self, name: str) -> tuple[Collection, str] | None:
        """Deletes an item; returns where it was, None where there is no such item."""
        place = self.locate(name)
        if place is not None:
            collection, path = place
            key = catalog.key(collection.name, path) if collection.name else path
            if not self.index.delete([key]):
                return None
        return place

    def close(self) -> None:
        """Closes the index."""
        self.index.close()

    def _stored(self, known: Mapping[str, Collection], names: Sequence[str]) -> list[Item | None]:
        """Finds items as the index has them."""
        meant = [catalog.keys([*known], name) for name in names]
        every = list(dict.fromkeys(key for keys in meant for key in keys))
        found = dict(zip(every, self.index.get(every), strict=True))
        return [_meant([found[key] for key in keys], len(known)) for keys in meant]

    def _hits(self, found: list[list[Hit]]) -> list[list[Hit]]:
        known = self.collections()
        return [[hit._replace(item=_shown(known, hit.item)) for hit in hits] for hits in found]


def _meant(candidates: Sequence[Item | None], collections: int) -> Item | None:
    first, *others = candidates
    there = [item for item in others if item is not None]
    if first is not None:
        return first
    return there[0] if len(there) == 1 or (there and collections == 1) else None


def _place(known: Mapping[str, Collection], item: Item) -> tuple[Collection, str]:
    first, _, path = item.id.partition("/")
    return (known[first], path) if first in known else (Collection(""), item.id)


def _shown(known: Mapping[str, Collection], item: Item) -> Item:
    return item._replace(id=catalog.shown(known, item.id))
