"""`index`: encodes what is new or changed in collections, and tells what it found."""

import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import open_encoder
from jaxhash.errors import UserError, printable
from jaxhash.runs import workdir as workdirs
from jaxhash.search.collection import catalog, earlier, sources
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.collection.collect import Report, collect
from jaxhash.search.collection.origin import Origin
from jaxhash.search.commands import opening

DAMAGED, OTHERS = "damaged.txt", "others.txt"  # lists beside the index
NAMED = 3  # names that are printed of a long list
INCOMPLETE = 1  # exit code


def run(options: Namespace) -> int:
    """Encodes what is new or changed in collections.

    Returns:
      the exit code: 1 where a folder could not be listed, or less was deleted than is gone.
    """
    if options.collection is not None and len(options.images) > 1:
        raise UserError("--collection names one collection; give one --images with it")
    places = [sources.resolve(images) for images in options.images]
    if options.collection is not None:
        catalog.check_name(options.collection)
    encoder = open_encoder(options.workdir)
    data_dir = options.data_dir or encoder.data_dir
    kept = None if data_dir is None else str(Path(data_dir).expanduser().resolve())
    store = opening.opened(options, encoder, create=True)
    try:
        new = [Collection(_name(options, place), place, kept) for place in places]
        opening.update(options, store, *new)
        chosen = [_choose(options, store, place, kept) for place in places]
        encode = compiled(encoder, options.batch_size)
        complete = True
        for collection in chosen:
            start = time.monotonic()
            origin = sources.find(
                str(collection.place),
                collection.data_dir,
                options.seed,
                collection.exclude,
                encoder.size,
            )
            print(
                f"{collection.name}: {len(origin.entries):,} images in {printable(origin.place)}, "
                f"codes of {encoder.identity()}"
            )
            # After the listing: a place that cannot be read changes nothing.
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
            )
            several = f"{collection.name}-" if len(catalog.read(store)) > 1 else ""
            beside = opening.folder(options)
            _tell_left_out(origin, beside / f"{several}{OTHERS}")
            _tell(report, time.monotonic() - start, beside / f"{several}{DAMAGED}")
            asked = options.prune is not None and not report.pruned and bool(report.gone)
            complete &= not origin.unlisted and not asked
        print(f"the index holds {store.count():,} images")
    finally:
        store.close()
    return 0 if complete else INCOMPLETE


def _name(options: Namespace, place: str) -> str:
    return options.collection or catalog.default_name(place)


def _choose(options: Namespace, store, place: str, data_dir: str | None) -> Collection:
    """Returns the collection of a place as it is to be remembered."""
    known = catalog.read(store)
    name = None
    if options.collection is None:
        name = earlier.adopted(known, place)
    name = name or catalog.choose(known, place, options.collection)
    before = known.get(name, Collection(name))
    exclude = tuple(options.exclude) if options.exclude else before.exclude
    return before._replace(place=place, data_dir=data_dir, exclude=exclude)


def _remember(store, collection: Collection) -> None:
    before = catalog.read(store).get(collection.name)
    if before == collection:
        return
    if before is not None and before.place not in (None, collection.place):
        print(f"{collection.name}: before, it was in {printable(str(before.place))}")
    catalog.write(store, collection, before)


def _tell_left_out(origin: Origin, list_of_others: Path) -> None:
    """Prints how many files are no pictures, by suffix, and what else was left out."""
    lines = [f"{name}\n" for name in map(printable, [*origin.others, *origin.system])]
    _write(list_of_others, lines)
    listed = f", listed in {list_of_others}"
    if origin.others:
        kinds = Counter(PurePath(name).suffix.lower() or "no suffix" for name in origin.others)
        print(f"{len(origin.others):,} other files, no pictures: {_counted(kinds)}{listed}")
    if origin.system:
        kinds = Counter(_system(name) for name in origin.system)
        print(f"{len(origin.system):,} files in folders of the system: {_counted(kinds)}{listed}")
    if origin.excluded:
        print(f"{len(origin.excluded):,} images left out by --exclude")
    for name, reason in origin.unlisted:
        print(f"{printable(name)}: cannot be listed ({reason}); what the index holds of it is kept")


def _system(name: str) -> str:
    from jaxhash.data.images.folders import SYSTEM  # noqa: PLC0415

    return next(part for part in name.split("/") if part.casefold() in SYSTEM)


def _tell(report: Report, seconds: float, list_of_damaged: Path) -> None:
    rate = f" ({report.encoded / seconds:.1f} a second)" if report.encoded else ""
    print(f"{report.encoded:,} new or changed, encoded in {seconds:.1f} s{rate}")
    print(f"{report.there:,} there already, {report.relabelled:,} with new metadata alone")
    _write(list_of_damaged, [f"{printable(id)}\t{why}\n" for id, why in report.damaged])
    if report.damaged:
        first = [f"{printable(id)}: {why}" for id, why in report.damaged]
        print(
            f"{len(report.damaged):,} skipped, listed in {list_of_damaged}: {_first(first, '; ')}"
        )
    if report.gone:
        print(
            f"{len(report.gone):,} gone from the collection, {_done(report)}: {_names(report.gone)}"
        )
    if report.empty:
        print(
            f"{len(report.empty):,} below folders that hold no file, which may be disks that are "
            f"not mounted; kept, --prune=all deletes: {_names(report.empty)}"
        )


def _done(report: Report) -> str:
    if report.pruned:
        return "deleted from the index"
    if report.many_gone:
        share = len(report.gone) / report.stored
        return f"{share:.0%} of it, so still in the index; --prune=all deletes"
    return "still in the index; --prune deletes"


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workdirs.write(path, "".join(lines))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); allow it") from None


def _counted(kinds: Counter) -> str:
    return _first([f"{kind} {count:,}" for kind, count in kinds.most_common()], ", ")


def _names(paths: Sequence[str]) -> str:
    return _first([printable(path) for path in paths], ", ")


def _first(texts: Sequence[str], between: str) -> str:
    return between.join(texts[:NAMED]) + (f"{between}..." if len(texts) > NAMED else "")
