"""The encoder and the index that a command works with, and the files beside the index."""

import json
import os
from argparse import Namespace
from pathlib import Path

from jaxhash.encoders import ready
from jaxhash.encoders.encoder import ImageEncoder, open_encoder
from jaxhash.errors import UserError
from jaxhash.search.collection import catalog, earlier
from jaxhash.search.collection.catalog import Collection
from jaxhash.search.index.engines import is_folder, open_index
from jaxhash.search.index.interface import Index

# In the workdir, or without one in the user's data folder: the embedded index, or the files beside
# a Milvus one.
FOLDER = "index"
ADDED = "added"  # beside the index: pictures that were added through the service
IMAGES = "images.json"  # of an earlier version: the place that was indexed last


def encoder(options: Namespace) -> ImageEncoder:
    """Opens the network of `--workdir`, or the encoder that comes with jaxhash."""
    if options.workdir is not None:
        return open_encoder(options.workdir)
    return ready.open_ready(options.encoder or ready.DEFAULT)


def folder(options: Namespace) -> Path:
    """Returns the folder of the index, or for Milvus of the files beside it."""
    if options.index and is_folder(options.index):
        return Path(options.index).expanduser()
    return default(options)


def embedded(options: Namespace) -> Path:
    """Returns the folder of an embedded index; raises UserError for another engine."""
    if options.index and not is_folder(options.index):
        raise UserError(
            f"--index={options.index}: only the index of one machine is copied; a Milvus cluster "
            "has tools of its own"
        )
    return folder(options)


def opened(options: Namespace, encoder: ImageEncoder, create: bool) -> Index:
    """Opens the index that `--index` names, by default that of the workdir, or of the user."""
    address = options.index or default(options)
    return open_index(address, encoder.bits, encoder.identity(), create)


def update(options: Namespace, index: Index, *places: Collection) -> None:
    """Brings an index of an earlier version up to date, and says so."""
    if not earlier.is_earlier(index):
        earlier.update(index)
        return
    count = earlier.update(index, [*places, *_indexed_last(options)])
    names = ", ".join(catalog.read(index))
    print(f"brought up to date: {count:,} items of an earlier version, now in {names}")


def default(options: Namespace) -> Path:
    """Returns the folder of the index where `--index` names none."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    root = Path(home) / "jaxhash" if options.workdir is None else Path(options.workdir)
    return root.expanduser() / FOLDER


def _indexed_last(options: Namespace) -> list[Collection]:
    """Reads which place an earlier version indexed last."""
    file = default(options) / IMAGES
    try:
        place, data_dir = json.loads(file.read_text())
        return [Collection(catalog.default_name(place), place, data_dir)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file}: cannot be read ({error}); allow it, or delete it") from None
