"""`forget`: deletes items from an index; the files of pictures stay."""

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.catalog import UPLOADS, Collection
from jaxhash.search.collection.collect import PAGE, members
from jaxhash.search.collection.named import Named
from jaxhash.search.commands import opening
from jaxhash.search.index.interface import Index
from jaxhash.search.service.thumbnails import Pictures


def run(options: Namespace) -> None:
    """Deletes items from an index: a collection, single ones, or all that fit a pattern."""
    encoder = opening.encoder(options)
    index = opening.opened(options, encoder, create=False)
    pictures = Pictures(opening.folder(options) / opening.ADDED)
    try:
        opening.update(options, index)
        if options.collection is not None:
            catalog.find(catalog.read(index), options.collection)
        ids = list(_chosen(options, index))
        for start in range(0, len(ids), PAGE):
            index.delete(ids[start : start + PAGE])
            for id in ids[start : start + PAGE]:
                if id.startswith(f"{UPLOADS}/"):
                    pictures.delete(id.removeprefix(f"{UPLOADS}/"))
        whole = options.collection is not None and not (options.id or options.pattern)
        if whole:
            catalog.forget(index, options.collection)
        count = index.count()
    finally:
        index.close()
    print(f"{len(ids):,} deleted from the index, which holds {count:,} images; no file was deleted")
    if not whole:
        print(
            "what is still in its folder comes back with the next index, unless --exclude names it"
        )


def _chosen(options: Namespace, index: Index) -> Iterator[str]:
    """Lists the ids that are to be deleted; raises UserError where an id is not there."""
    if options.id:
        named = Named(index)
        for name in options.id:
            place = named.locate(name)
            if place is None or options.collection not in (None, place[0].name):
                raise UserError(f"--id={printable(name)}: there is no such item")
            yield catalog.key(place[0].name, place[1])
        return
    known = catalog.read(index)
    names = [options.collection] if options.collection is not None else [*known]
    for name in names:
        for page in members(index, name):
            for item in page:
                if not options.pattern or _fits(item.id, name, known, options.pattern):
                    yield item.id


def _fits(id: str, name: str, known: Mapping[str, Collection], patterns: Iterable[str]) -> bool:
    """Says whether a pattern fits the path of an item, or its name."""
    texts = (id.removeprefix(f"{name}/"), catalog.shown(known, id))
    return any(fnmatchcase(text, pattern) for text in texts for pattern in patterns)
