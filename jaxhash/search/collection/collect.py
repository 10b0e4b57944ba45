"""Brings an index up to date with a collection: encodes only what is new or changed."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jaxhash.search.collection.origin import FROM, STAMP, Entry, Origin
from jaxhash.search.index.interface import ID_LENGTH, Index, Item, possible

PAGE = 1_000


class Report(NamedTuple):
    """The result of indexing a collection.

    encoded: number of images that were new or changed. relabelled: number of those whose metadata
    alone changed. there: number of those stored before and unchanged. damaged: [(id, reason)] of
    those skipped. gone: ids in the index that are not in the collection any more. pruned: whether
    these were deleted.
    """

    encoded: int
    relabelled: int
    there: int
    damaged: list[tuple[str, str]]
    gone: list[str]
    pruned: bool


def collect(
    origin: Origin,
    index: Index,
    encode: Callable[[np.ndarray], np.ndarray],
    *,
    size: int,
    channels: int,
    batch_size: int = 64,
    workers: int = 0,
    prune: bool = False,
) -> Report:
    """Stores the codes of new and changed images; after a kill the next call continues.

    Args:
      origin: the images.
      index: where their codes go; each batch is stored before the next is encoded.
      encode: maps uint8 [b h w c] to codes [b ceil(k/8)]; see `jaxhash.encoders.batches.compiled`.
      size, channels: of the pictures that `encode` takes.
      batch_size: images in one call of `encode`.
      workers: processes that decode; 0 takes one for each processor.
      prune: whether to delete what is gone from the collection. What lies below a folder that
        cannot be listed is not known to be gone, and kept.

    Raises:
      UserError: the index does not answer, or the images are of another kind than the network's.
    """
    new, relabelled, there, damaged = _compare(origin, index)
    for page in _pages(relabelled, PAGE):
        index.add(page)
    read = origin.read(new, size, channels, workers)
    encoded = 0
    with tqdm(total=len(new), desc="encode", unit=" images", disable=None) as bar:
        pairs = zip(new, read, strict=True)
        while batch := list(itertools.islice(pairs, batch_size)):
            good = [pair for pair in batch if not isinstance(pair[1], str)]
            damaged += [(entry.id, why) for entry, why in batch if isinstance(why, str)]
            if good:
                codes = encode(np.stack([pixels for _, pixels in good]))
                index.add(
                    [Item(e.id, c, e.metadata) for (e, _), c in zip(good, codes, strict=True)]
                )
            encoded += len(good)
            bar.update(len(batch))
    gone = _gone(origin, index)
    if prune:
        for page in _pages(gone, PAGE):
            index.delete(page)
    return Report(encoded, len(relabelled), there, damaged, gone, prune)


def _compare(
    origin: Origin, index: Index
) -> tuple[list[Entry], list[Item], int, list[tuple[str, str]]]:
    """Compares entries with the index.

    Returns:
      those to encode, items with new metadata, the number of unchanged ones, and [(id, reason)] of
      those whose name cannot be an id.
    """
    new, relabelled, there = [], [], 0
    damaged = [
        (entry.id.encode(errors="replace").decode(), _why_not(entry.id))
        for entry in origin.entries
        if not possible(entry.id)
    ]
    entries = [entry for entry in origin.entries if possible(entry.id)]
    for page in _pages(entries, PAGE):
        for entry, stored in zip(page, index.get([entry.id for entry in page]), strict=True):
            if stored is None or stored.metadata.get(STAMP) != entry.metadata[STAMP]:
                new.append(entry)
            elif dict(stored.metadata) != entry.metadata:
                relabelled.append(stored._replace(metadata=entry.metadata))
            else:
                there += 1
    return new, relabelled, there, damaged


def _why_not(id: str) -> str:
    """Says why a name cannot be an id, and what to do."""
    if len(id) > ID_LENGTH:
        return f"its path is {len(id):,} characters long, of at most {ID_LENGTH}: shorten it"
    return "its name is not valid Unicode without null characters: rename it"


def _gone(origin: Origin, index: Index) -> list[str]:
    """Lists ids in the index that came from this origin and are no longer there."""
    known, gone, after = {entry.id for entry in origin.entries}, [], ""
    while page := index.items(after, PAGE, {FROM: origin.tag()}):
        gone += [
            item.id
            for item in page
            if item.id not in known and not origin.is_below_unlisted(item.id)
        ]
        after = page[-1].id
    return gone


def _pages(things: Sequence, size: int) -> Iterator[Sequence]:
    return (things[start : start + size] for start in range(0, len(things), size))
