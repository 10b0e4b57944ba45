"""Opens an index by its address: a folder, or a collection of Milvus."""

import re
from pathlib import Path

from jaxhash.errors import UserError
from jaxhash.search.index.interface import Index

MILVUS = re.compile(r"milvus://(?P<host>[^/]+:\d+)/(?P<collection>[A-Za-z_][A-Za-z0-9_]{0,254})")


SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def is_folder(address: str | Path) -> bool:
    """Says whether an address is that of a folder.

    >>> is_folder("runs/a/index"), is_folder("milvus://localhost:19530/photos")
    (True, False)
    """
    return not SCHEME.match(str(address))


def open_index(address: str | Path, bits: int, model: str, create: bool = True) -> Index:
    """Opens an index, or creates an empty one.

    Args:
      address: a folder, or milvus://host:port/collection.
      bits: of the codes.
      model: identifies the network; see `jaxhash.encoders.encoder.Encoder.identity`.
      create: whether to create an index where there is none.

    Raises:
      UserError: the address has no known form, the engine is not installed or does not respond,
        there is no index and `create` is false, or it holds codes of other bits or another model.
    """
    scheme = SCHEME.match(str(address))
    if not scheme:
        from jaxhash.search.index.embedded import Embedded  # noqa: PLC0415  engines are extras

        return Embedded(Path(address).expanduser(), bits, model, create)
    if scheme[1] != "milvus":
        raise UserError(
            f"--index={address}: unknown scheme {scheme[1]}://; expected a folder, or "
            "milvus://host:port/collection"
        )
    match = MILVUS.fullmatch(str(address))
    if not match:
        raise UserError(
            f"--index={address}: expected milvus://host:port/collection, the collection of "
            "letters, digits and _"
        )
    from jaxhash.search.index.milvus import Milvus  # noqa: PLC0415

    return Milvus(match["host"], match["collection"], bits, model, create)
