"""`duplicates`: prints groups of near-duplicates; deletes nothing."""

import json
from argparse import Namespace

from jaxhash.errors import printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.commands import opening
from jaxhash.search.service.duplicates import Duplicate, default_radius, described, find
from jaxhash.search.service.thumbnails import Pictures


def run(options: Namespace) -> None:
    """Prints groups of items whose codes differ in few bits."""
    encoder = opening.encoder(options)
    index = Named(opening.opened(options, encoder, create=False))
    try:
        if options.collection is not None:
            catalog.find(index.collections(), options.collection)
        radius = default_radius(index.bits) if options.radius is None else options.radius
        groups = find(index, radius, options.collection)
        if options.json:
            print(json.dumps({"groups": groups}))
        else:
            pictures = Pictures(opening.folder(options) / opening.ADDED)
            print(_lines([described(index, pictures, group) for group in groups]))
    finally:
        index.close()


def _lines(groups: list[list[Duplicate]]) -> str:
    lines = []
    for number, group in enumerate(groups, 1):
        lines.append(f"group {number}: {len(group):,} images")
        lines += [f"  {_described(each)}  {printable(each.id)}" for each in group]
    images = sum(map(len, groups))
    word = "group" if len(groups) == 1 else "groups"
    lines.append(f"{images:,} images in {len(groups):,} {word}; nothing was deleted")
    return "\n".join(lines)


def _described(each: Duplicate) -> str:
    if each.facts is None:
        return f"{'':46}"
    _, size, width, height = each.facts
    same = "same bytes" if each.same else ""
    return f"{size:>13,} bytes  {width:>6} x {height:<6}  {same:10}"
