"""Brings an index up to date with a collection: what is new or changed is encoded, no more."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from jaxhash.search.collection.sources import FROM, STAMP, Entry, Origin
from jaxhash.search.index.interface import Index, Item, possible

PAGE = 1_000


class Report(NamedTuple):
    """What a collection came to.

    encoded: images that were new or changed. relabelled: the image is the same, its metadata are
    not. there: were stored already. damaged: [(id, why)], skipped. gone: ids that are stored, but
    no longer in the collection. pruned: whether these were deleted.
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
    """Stores what is new or changed; killed in the middle, the next call goes on from there.

    Args:
      origin: the images.
      index: where their codes go; each batch is stored before the next is encoded.
      encode: makes codes of uint8 [b h w c]; see `jaxhash.encoders.batches.compiled`.
      size, channels: of the pictures that `encode` takes.
      batch_size: images in one call of `encode`.
      workers: processes that decode; 0 takes one a processor.
      prune: deletes what is gone from the collection.

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
    """Sorts entries into those to encode, to relabel, a count of the rest, and what has no id."""
    new, relabelled, there = [], [], 0
    damaged = [
        (entry.id.encode(errors="replace").decode(), "its name cannot be an id")
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


def _gone(origin: Origin, index: Index) -> list[str]:
    """Lists what is stored of this origin and is no longer there."""
    known, gone, after = {entry.id for entry in origin.entries}, [], ""
    while page := index.items(after, PAGE, {FROM: origin.tag()}):
        gone += [item.id for item in page if item.id not in known]
        after = page[-1].id
    return gone


def _pages(things: Sequence, size: int) -> Iterator[Sequence]:
    return (things[start : start + size] for start in range(0, len(things), size))
