"""Near-duplicates among the items of an index, with what a person needs to choose one of them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.index.groups import group
from jaxhash.search.index.interface import pages
from jaxhash.search.service.thumbnails import Facts, Pictures

PAGE = 10_000


class Duplicate(NamedTuple):
    """An item of a group of near-duplicates.

    id: its name. facts: of its file; None without one. same: whether the file of another item of
    the group has the same bytes.
    """

    id: str
    facts: Facts | None
    same: bool = False


def default_radius(bits: int) -> int:
    """Returns how many bits near-duplicates differ in at most, where nobody says it.

    docs/search.md has the measurements, of the encoder lite0.

    >>> default_radius(256)
    32
    """
    return bits // 8


def find(index: Named, radius: int, collection: str | None = None) -> list[list[str]]:
    """Finds groups of items whose codes differ in at most `radius` bits.

    Two items are in one group where a chain of items joins them, each near the next.

    Args:
      index: the items.
      radius: in bits.
      collection: to look in; None looks in all.

    Returns:
      the names of the items of each group of two or more, in the order of ids.
    """
    names, codes = _codes(index, collection)
    numbers = group(codes, radius)
    order = np.argsort(numbers, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [[names[row] for row in rows] for rows in groups if len(rows) > 1]


def _codes(index: Named, collection: str | None) -> tuple[list[str], np.ndarray]:
    where = None if collection is None else {catalog.COLLECTION: collection}
    ids: list[str] = []
    codes = [np.zeros((0, -(-index.bits // 8)), np.uint8)]
    for items in pages(index, PAGE, where):
        ids += [item.id for item in items]
        codes.append(np.stack([item.code for item in items]))
    return ids, np.concatenate(codes)


def described(index: Named, pictures: Pictures, ids: Sequence[str]) -> list[Duplicate]:
    """Describes the items of a group; those whose files have the same bytes stand together."""
    places = index.places(ids)
    found = [
        Duplicate(id, place and pictures.facts(*place))
        for id, place in zip(ids, places, strict=True)
    ]
    sizes = Counter(each.facts.bytes for each in found if each.facts)
    digests = [
        _digest(each.facts.file) if each.facts and sizes[each.facts.bytes] > 1 else None
        for each in found
    ]
    counts = Counter(digests)
    first = {digest: place for place, digest in reversed([*enumerate(digests)])}
    order = sorted(range(len(found)), key=lambda i: first[digests[i]] if digests[i] else i)
    return [found[i]._replace(same=bool(digests[i]) and counts[digests[i]] > 1) for i in order]


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
