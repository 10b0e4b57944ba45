"""`serve`: the web page and its HTTP interface."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxhash.errors import UserError, printable
from jaxhash.search.collection import catalog, earlier, sources
from jaxhash.search.collection.catalog import UPLOADS, Collection
from jaxhash.search.commands import opening
from jaxhash.search.index.interface import Index
from jaxhash.search.service.thumbnails import Pictures


def run(options: Namespace) -> None:
    """Serves until it is stopped; says first where the pictures of each collection are read."""
    from jaxhash.search.service.server import serve as serve_forever  # noqa: PLC0415  needs extras

    encoder = opening.encoder(options)
    index = opening.opened(options, encoder, create=False)
    try:
        if earlier.is_earlier(index):
            _update(options, index)
        known = catalog.read(index)
        beside = opening.folder(options)
        older = opening.default(options) / opening.ADDED
        pictures = Pictures(beside / opening.ADDED, _places(options.images, known), older)
        for collection in known.values():
            if collection.name != UPLOADS:
                print(f"pictures of {collection.name}: {_where(pictures, collection)}")
    except BaseException:
        index.close()
        raise
    serve_forever(
        encoder, index, pictures, host=options.host, port=options.port, token=options.token
    )


def _update(options: Namespace, index: Index) -> None:
    """Brings an index of an earlier version up to date, or says that it cannot be written."""
    try:
        opening.update(options, index)
    except UserError as error:
        print(f"an index of an earlier version, whose pictures are not shown: {error}")


def _places(given: Sequence[str], known: Mapping[str, Collection]) -> dict[str, str]:
    """Reads `--images`: a folder, or NAME=FOLDER for each of several collections."""
    places = {}
    names = [name for name in known if name != UPLOADS]
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or name not in known:
            if len(names) != 1:
                raise UserError(
                    f"--images={printable(text)}: expected NAME=FOLDER, with the name of a "
                    f"collection: {', '.join(names) or 'the index has none'}"
                )
            name, folder = names[0], text
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise UserError(
                f"--images={printable(text)}: no such folder; expected where the pictures lie"
            )
        places[name] = str(root.resolve())
    return places


def _where(pictures: Pictures, collection: Collection) -> str:
    place = pictures.place(collection)
    if place is None:
        return f"not known; give --images={collection.name}=FOLDER"
    advice = f" (not there; index --images=FOLDER --collection={collection.name} gives it another)"
    return printable(place) + ("" if sources.exists(place) else advice)
