"""`query`: prints the images that are similar to a picture."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np

from jaxhash.encoders.batches import compiled, separate
from jaxhash.encoders.encoder import ImageEncoder
from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog
from jaxhash.search.collection.named import Named
from jaxhash.search.collection.workers import decode_file
from jaxhash.search.commands import opening
from jaxhash.search.index.interface import shown
from jaxhash.search.index.reranking import Ranked

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
        code, found = _find(options, index, encoder, picture, where)
    finally:
        index.close()
    print(_json(found, code) if options.json else _lines(found))


def _find(
    options: Namespace,
    index: Named,
    encoder: ImageEncoder,
    picture: np.ndarray,
    where: dict[str, str],
) -> tuple[np.ndarray, list[Ranked]]:
    """Returns the code of a picture, and what is similar to it."""
    if options.rerank is None:
        code = compiled(encoder, 1)(picture[None])
        if options.radius is None:
            (hits,) = index.nearest(code, options.k or K, where)
        else:
            (hits,) = index.within(code, options.radius, where)
        return code[0], [Ranked(None, hit) for hit in hits[: options.k]]
    rows = compiled(encoder, 1, features=True)(picture[None])
    (code,), (features,) = separate(rows, encoder.bits)
    k = options.k or (K if options.radius is None else None)
    among = max(options.rerank, k or 0)
    found = index.rerank(code, features, among=among, radius=options.radius, where=where)
    if found and all(one.similarity is None for one in found):
        raise UserError("--rerank: the index has no features; index again with --features")
    return code, found[:k]


def _lines(found: list[Ranked]) -> str:
    lines = []
    for similarity, hit in found:
        metadata = " ".join(f"{n}={v}" for n, v in sorted(shown(hit.item.metadata).items()))
        cosine = "" if similarity is None else f"{similarity:6.3f}  "
        line = f"{hit.distance:4}  {cosine}{printable(hit.item.id)}  {printable(metadata)}"
        lines.append(line.rstrip())
    return "\n".join(lines) or "nothing found"


def _json(found: list[Ranked], code: np.ndarray) -> str:
    hits = []
    for similarity, hit in found:
        described = {"id": hit.item.id, "distance": int(hit.distance)}
        if similarity is not None:
            described["similarity"] = similarity
        hits.append({**described, "metadata": shown(hit.item.metadata)})
    return json.dumps({"code": code.tobytes().hex(), "hits": hits})


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UserError(f"--where {text}: expected name=value, as in --where label=cat")
    return name, value
