"""The index that a command works on, and the files beside it."""

import json
from argparse import Namespace
from pathlib import Path

from jaxhash.encoders.encoder import ImageEncoder
from jaxhash.errors import UserError
from jaxhash.search.collection import catalog, earlier
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.index.engines import is_folder, open_index
from jaxhash.search.index.interface import Index

FOLDER = "index"  # in the workdir: the embedded index, or the files beside a Milvus one
ADDED = "added"  # beside the index: pictures that were added through the service
IMAGES = "images.json"  # of an earlier version: the place that was indexed last


def folder(options: Namespace) -> Path:
    """Returns the folder of the index, or for Milvus of the files beside it."""
    if options.index and is_folder(options.index):
        return Path(options.index).expanduser()
    return _default(options)


def embedded(options: Namespace) -> Path:
    """Returns the folder of an embedded index; raises UserError for another engine."""
    if options.index and not is_folder(options.index):
        raise UserError(
            f"--index={options.index}: only the index of one machine is copied; a Milvus cluster "
            "has tools of its own"
        )
    return folder(options)


def opened(options: Namespace, encoder: ImageEncoder, create: bool) -> Index:
    """Opens the index that `--index` names, by default that of the workdir."""
    address = options.index or _default(options)
    return open_index(address, encoder.bits, encoder.identity(), create)


def update(options: Namespace, index: Index, *places: Collection) -> None:
    """Brings an index of an earlier version up to date, and says so."""
    if not earlier.is_earlier(index):
        earlier.update(index)
        return
    count = earlier.update(index, [*places, *_indexed_last(options)])
    names = ", ".join(catalog.read(index))
    print(f"brought up to date: {count:,} items of an earlier version, now in {names}")


def _default(options: Namespace) -> Path:
    return Path(options.workdir).expanduser() / FOLDER


def _indexed_last(options: Namespace) -> list[Collection]:
    """Reads which place an earlier version indexed last."""
    file = _default(options) / IMAGES
    try:
        place, data_dir = json.loads(file.read_text())
        return [Collection(catalog.default_name(place), place, data_dir)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file}: cannot be read ({error}); allow it, or delete it") from None
