"""`query`: prints the images that are similar to a picture."""

import json
from argparse import Namespace
from pathlib import Path

from jaxhash.encoders.batches import compiled
from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.collection.workers import decode_file
from jaxhash.search.commands import opening
from jaxhash.search.index.interface import Hit, shown

K = 10


def run(options: Namespace) -> None:
    """Prints images similar to a picture: distance in bits, name and metadata."""
    where = dict(_pair(text) for text in options.where)
    encoder = opening.encoder(options)
    picture = decode_file(Path(options.image).expanduser(), encoder.size, encoder.channels)
    if isinstance(picture, str):
        raise UserError(f"--image={printable(options.image)}: {picture}")
    index = Named(opening.opened(options, encoder, create=False))
    try:
        if options.collection is not None:
            catalog.find(index.collections(), options.collection)
            where[catalog.COLLECTION] = options.collection
        code = compiled(encoder, 1)(picture[None])
        if options.radius is None:
            (hits,) = index.nearest(code, options.k or K, where)
        else:
            (hits,) = index.within(code, options.radius, where)
            hits = hits[: options.k]
    finally:
        index.close()
    print(_json(hits, code) if options.json else _lines(hits))


def _lines(hits: list[Hit]) -> str:
    lines = []
    for hit in hits:
        metadata = " ".join(f"{n}={v}" for n, v in sorted(shown(hit.item.metadata).items()))
        line = f"{hit.distance:4}  {printable(hit.item.id)}  {printable(metadata)}"
        lines.append(line.rstrip())
    return "\n".join(lines) or "nothing found"


def _json(hits: list[Hit], code) -> str:
    found = [
        {"id": hit.item.id, "distance": int(hit.distance), "metadata": shown(hit.item.metadata)}
        for hit in hits
    ]
    return json.dumps({"code": code.tobytes().hex(), "hits": found})


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UserError(f"--where {text}: expected name=value, as in --where label=cat")
    return name, value
