"""`duplicates`: prints groups of near-duplicates; deletes nothing."""

import json
from argparse import Namespace

from jaxhash.errors import printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.commands import opening
from jaxhash.search.service.duplicates import Duplicate, find
from jaxhash.search.service.thumbnails import Pictures


def run(options: Namespace) -> None:
    """Prints groups of items whose codes differ in few bits."""
    encoder = opening.encoder(options)
    index = Named(opening.opened(options, encoder, create=False))
    try:
        if options.collection is not None:
            catalog.find(index.collections(), options.collection)
        pictures = Pictures(opening.folder(options) / opening.ADDED)
        groups = find(index, pictures, options.radius, options.collection)
    finally:
        index.close()
    print(_json(groups) if options.json else _lines(groups))


def _lines(groups: list[list[Duplicate]]) -> str:
    lines = []
    for number, group in enumerate(groups, 1):
        lines.append(f"group {number}: {len(group):,} images")
        lines += [f"  {_described(each)}  {printable(each.id)}" for each in group]
    images = sum(map(len, groups))
    lines.append(f"{images:,} images in {len(groups):,} groups; nothing was deleted")
    return "\n".join(lines)


def _described(each: Duplicate) -> str:
    if each.facts is None:
        return f"{'':46}"
    _, size, width, height = each.facts
    same = "same bytes" if each.same else ""
    return f"{size:>13,} bytes  {width:>6} x {height:<6}  {same:10}"


def _json(groups: list[list[Duplicate]]) -> str:
    return json.dumps({"groups": [[each.id for each in group] for group in groups]})
