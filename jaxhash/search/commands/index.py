"""`index`: encodes what is new or changed in collections, and tells what it found."""

import contextlib
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxhash.encoders.batches import check_features, compiled
from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog, earlier, sources
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.collection.collect import collect
from jaxhash.search.collection.merging import merge
from jaxhash.search.collection.parts import WHOLE, Part
from jaxhash.search.commands import opening, telling
from jaxhash.search.index.engines import open_index
from jaxhash.search.index.interface import Index
from jaxhash.search.index.reranking import KEPT

DAMAGED, OTHERS = "damaged.txt", "others.txt"  # lists beside the index
INCOMPLETE = 1  # exit code


def run(options: Namespace) -> int | None:
    """Encodes what is new or changed in collections.

    Returns:
      the exit code: 1 where a folder could not be listed, or less was deleted than is gone, and
      else None.
    """
    if options.merge:
        _merge(options)
        return None
    part = WHOLE if options.part is None else Part.read(options.part)
    if options.collection is not None and len(options.images) > 1:
        raise UserError("--collection names one collection; give one --images with it")
    places = list(dict.fromkeys(sources.resolve(images) for images in options.images))
    if options.collection is not None:
        catalog.check_name(options.collection)
    encoder = opening.encoder(options)
    if options.features:
        check_features(encoder)
    data_dir = options.data_dir or encoder.data_dir
    kept = None if data_dir is None else str(Path(data_dir).expanduser().resolve())
    # Before the index is opened: a place that cannot be read makes none.
    origins = [sources.find(place, kept, options.seed, encoder.size) for place in places]
    store, beside = opening.opened(options, encoder, create=True), opening.folder(options)
    try:
        new = [Collection(_name(options, place), place, kept) for place in places]
        opening.update(options, store, *new)
        chosen = _choose(options, store, new)
        features = options.features or KEPT in store.notes()
        encode = compiled(encoder, options.batch_size, features)
        if options.features:
            store.note(KEPT, "int8", store.notes().get(KEPT))
        damaged, others = telling.Listed(beside / DAMAGED), telling.Listed(beside / OTHERS)
        complete = True
        for collection, listed in zip(chosen, origins, strict=True):
            start, origin = time.monotonic(), sources.without(listed, collection.exclude)
            all_, origin = len(origin.entries), origin.restricted(part)
            some = "" if part == WHOLE else f"part {options.part}, {len(origin.entries):,} of "
            print(
                f"{collection.name}: {some}{all_:,} images in {printable(origin.place)}, "
                f"codes of {encoder.identity()}"
            )
            _remember(store, collection)
            report = collect(
                origin,
                collection.name,
                store,
                encode,
                size=encoder.size,
                channels=encoder.channels,
                batch_size=options.batch_size,
                workers=options.workers,
                prune=options.prune,
                force=options.force,
                features=features,
            )
            telling.left_out(origin, collection.name, others)
            telling.done(report, time.monotonic() - start, collection.name, damaged)
            asked = options.prune is not None and not report.pruned and bool(report.gone)
            complete &= not origin.unlisted and not asked
        print(f"the index holds {store.count():,} images")
    finally:
        store.close()
    return None if complete else INCOMPLETE


def _merge(options: Namespace) -> None:
    """Joins other indexes with this one."""
    encoder = opening.encoder(options)
    with contextlib.ExitStack() as opened:
        parts: dict[str, Index] = {}
        for folder in dict.fromkeys(options.merge):
            found = open_index(folder, encoder.bits, encoder.identity(), create=False)
            opened.callback(found.close)
            parts[folder] = found
        store = opening.opened(options, encoder, create=True)
        opened.callback(store.close)
        added = merge(store, parts)
        print(f"{added:,} images added; the index holds {store.count():,} images")


def _name(options: Namespace, place: str) -> str:
    return options.collection or catalog.default_name(place)


def _choose(options: Namespace, store: Index, new: Sequence[Collection]) -> list[Collection]:
    """Returns the collections of places as they are to be remembered."""
    known, chosen = catalog.read(store), []
    for each in new:
        place = str(each.place)
        name = None if options.collection else earlier.adopted(known, place)
        name = name or catalog.choose(known, place, options.collection)
        if name not in known:
            _ask_whether_moved(known, place)
        before = known.get(name, Collection(name))
        exclude = tuple(options.exclude) if options.exclude else before.exclude
        known[name] = before._replace(place=place, data_dir=each.data_dir, exclude=exclude)
        chosen.append(known[name])
    return chosen


def _ask_whether_moved(known: Mapping[str, Collection], place: str) -> None:
    for each in known.values():
        if each.place and not sources.exists(each.place):
            print(
                f"{printable(each.place)}, of the collection {each.name}, is not there any more; "
                f"if {printable(place)} holds the same pictures, stop here, and give "
                f"--collection={each.name}: they are not encoded again then"
            )


def _remember(store: Index, collection: Collection) -> None:
    before = catalog.read(store).get(collection.name)
    if before == collection:
        return
    if before is not None and before.place not in (None, collection.place):
        print(f"{collection.name}: before, it was in {printable(str(before.place))}")
    catalog.write(store, collection, before)
