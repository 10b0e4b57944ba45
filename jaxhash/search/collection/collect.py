"""Brings an index up to date with a collection: encodes only what is new or changed."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jaxhash.encoders.batches import separate
from jaxhash.search.collection.catalog import COLLECTION, key
from jaxhash.search.collection.origin import STAMP, Entry, Origin
from jaxhash.search.index.interface import PATH_LENGTH, Index, Item, possible

PAGE = 1_000
MANY = 0.1  # of a collection: more that is gone is not deleted without being asked again


class Report(NamedTuple):
    """The result of indexing a collection.

    encoded: number of images that were new or changed. relabelled: number of those whose metadata
    alone changed. there: number of those stored before and unchanged. damaged: [(path, reason)] of
    those skipped. gone: paths of items whose picture is not there any more. unlisted: number of
    items below folders that cannot be listed, and empty: paths of those below folders that hold no
    file; both kinds are kept. pruned: whether the items that are gone were deleted. stored: number
    of items of the collection before.
    """

    encoded: int
    relabelled: int
    there: int
    damaged: list[tuple[str, str]]
    gone: list[str]
    unlisted: int
    empty: list[str]
    pruned: bool
    stored: int

    @property
    def many_gone(self) -> bool:
        """Says whether more of the collection is gone than is deleted without being asked again."""
        return len(self.gone) > self.stored * MANY


def collect(
    origin: Origin,
    name: str,
    index: Index,
    encode: Callable[[np.ndarray], np.ndarray],
    *,
    size: int,
    channels: int,
    batch_size: int = 64,
    workers: int = 0,
    prune: str | None = None,
    force: bool = False,
    features: bool = False,
) -> Report:
    """Stores the codes of new and changed images; after a kill the next call continues.

    Args:
      origin: the images.
      name: of the collection.
      index: where their codes go; each batch is stored before the next is encoded.
      encode: maps uint8 [b h w c] to codes [b ceil(k/8)]; see `jaxhash.encoders.batches.compiled`.
      size, channels: of the pictures that `encode` takes.
      batch_size: images in one call of `encode`.
      workers: processes that decode; 0 takes one for each processor.
      prune: "some" deletes items whose picture is gone, unless these are more than a tenth of the
        collection; "all" deletes them then too, and those below folders that hold no file. What
        lies below a folder that cannot be listed is not known to be gone, and kept.
      force: whether to encode what did not change, too.
      features: whether `encode` computes features too, which are stored; what has none is encoded
        again.

    Raises:
      UserError: the index does not answer, or the images are of another kind than the network's.
    """
    new, relabelled, there, damaged = _compare(origin, name, index, force, features)
    for page in _pages(relabelled, PAGE):
        index.add(page)
    read = origin.read(new, size, channels, workers)
    encoded = 0
    with tqdm(total=len(new), desc="encode", unit=" images", disable=None) as bar:
        pairs = zip(new, read, strict=True)
        while batch := list(itertools.islice(pairs, batch_size)):
            good = [pair for pair in batch if not isinstance(pair[1], str)]
            damaged += [(entry.path, why) for entry, why in batch if isinstance(why, str)]
            if good:
                rows = encode(np.stack([pixels for _, pixels in good]))
                codes, vectors = (
                    separate(rows, index.bits) if features else (rows, [None] * len(rows))
                )
                made = zip(good, codes, vectors, strict=True)
                index.add([_item(entry, name, code, vector) for (entry, _), code, vector in made])
            encoded += len(good)
            bar.update(len(batch))
    report = _missing(origin, name, index)
    report = report._replace(
        encoded=encoded, relabelled=len(relabelled), there=there, damaged=damaged
    )
    if prune is None or (report.many_gone and prune != "all"):
        return report
    if prune == "all":
        report = report._replace(gone=sorted([*report.gone, *report.empty]), empty=[])
    for page in _pages([key(name, path) for path in report.gone], PAGE):
        index.delete(page)
    return report._replace(pruned=True)


def members(index: Index, name: str) -> Iterator[list[Item]]:
    """Yields the items of a collection, a page at a time; the last page read may be deleted."""
    after = key(name, "")
    while page := index.items(after, PAGE):
        own = [item for item in page if item.id.startswith(key(name, ""))]
        if own:
            yield own
        if len(own) < len(page):
            return
        after = page[-1].id


def _compare(
    origin: Origin, name: str, index: Index, force: bool, features: bool
) -> tuple[list[Entry], list[Item], int, list[tuple[str, str]]]:
    """Compares entries with the index.

    Returns:
      those to encode, items with new metadata, the number of unchanged ones, and [(path, reason)]
      of those whose path cannot be an id.
    """
    new, relabelled, there, damaged, entries = [], [], 0, [], []
    for entry in origin.entries:
        if len(entry.path) > PATH_LENGTH:
            length = f"{len(entry.path):,} characters long, of at most {PATH_LENGTH}"
            damaged.append((entry.path, f"its path is {length}: shorten it"))
        elif not possible(entry.path):
            path = entry.path.encode(errors="replace").decode()
            damaged.append(
                (path, "its path is not valid Unicode without null characters: rename it")
            )
        else:
            entries.append(entry)
    for page in _pages(entries, PAGE):
        ids = [key(name, entry.path) for entry in page]
        vectors = index.features(ids) if features else [None] * len(ids)
        for entry, stored, vector in zip(page, index.get(ids), vectors, strict=True):
            lacks = features and vector is None
            if stored is None or lacks or force or _changed(entry, stored):
                new.append(entry)
                continue
            item = _item(entry, name, stored.code, vector)
            if dict(stored.metadata) != item.metadata:
                relabelled.append(item)
            else:
                there += 1
    return new, relabelled, there, damaged


def _changed(entry: Entry, stored: Item) -> bool:
    return stored.metadata.get(STAMP) != entry.metadata[STAMP]


def _item(entry: Entry, name: str, code: np.ndarray, features: np.ndarray | None) -> Item:
    return Item(key(name, entry.path), code, {**entry.metadata, COLLECTION: name}, features)


def _missing(origin: Origin, name: str, index: Index) -> Report:
    """Lists the items of a collection whose pictures were not found."""
    known = {entry.path for entry in origin.entries}
    report = Report(0, 0, 0, [], [], 0, [], False, 0)
    unlisted = stored = 0
    for page in members(index, name):
        for item in page:
            path = item.id.removeprefix(key(name, ""))
            if not origin.part.has(path):
                continue
            stored += 1
            if path in known:
                continue
            if origin.is_unlisted(path):
                unlisted += 1
            elif origin.is_empty(path):
                report.empty.append(path)
            else:
                report.gone.append(path)
    return report._replace(unlisted=unlisted, stored=stored)


def _pages(things: Sequence, size: int) -> Iterator[Sequence]:
    return (things[start : start + size] for start in range(0, len(things), size))
