"""The interface of all indexes: codes with metadata, searched by Hamming distance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from jaxhash.errors import UserError

NAME_LENGTH, PATH_LENGTH = 64, 512  # most characters of a collection's name, and of a path in it
ID_LENGTH = NAME_LENGTH + 1 + PATH_LENGTH
NONE_YET = (
    "no index yet; make one with python -m jaxhash.search index --images=FOLDER, and these flags"
)
OWN = "_"  # first letter of names of metadata that are reserved for this package


class Item(NamedTuple):
    """One image of a collection.

    id: its name, unique in the index, of 1 to 577 characters.
    code: uint8 [ceil(k/8)], bits packed most significant first.
    metadata: values by names, which are not empty, for example {"label": "cat"}; for filters.
    features: int8 [d], to put hits in order by, or None. Indexes return items without them; see
      `Index.features`.
    """

    id: str
    code: np.ndarray
    metadata: Mapping[str, str]
    features: np.ndarray | None = None


class Hit(NamedTuple):
    """An item that a query found, and the Hamming distance of its code, in bits."""

    distance: int
    item: Item


class Index(Protocol):
    """Codes of k bits; a change is durable when the call returns.

    Hits are in the order of distance, and of id among equal distances. `where` selects items whose
    metadata has all the given values.

    Attributes:
      bits: k.
      model: identifies the network that the codes come from; codes of different networks cannot be
        compared.
    """

    bits: int
    model: str

    def add(self, items: Sequence[Item]) -> None:
        """Adds items; one with the id of a stored item replaces it."""

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes items by id; returns how many were deleted."""

    def get(self, ids: Sequence[str]) -> list[Item | None]:
        """Returns items by id, None for an id that is not stored."""

    def features(self, ids: Sequence[str]) -> list[np.ndarray | None]:
        """Returns the features of items, int8 [d]; None for one without, or not stored."""

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items within `radius` bits of each query, codes uint8 [q ceil(bits/8)]."""

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items in the order of their ids, from the first one after `after`."""

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""

    def notes(self) -> dict[str, str]:
        """Returns the notes on the index: texts by title."""

    def note(self, title: str, text: str | None, before: str | None) -> bool:
        """Writes a note, or deletes it where `text` is None.

        Returns:
          False, and nothing happens, where the note is not as it was `before`, None where there was
          none. (Of Milvus: two clients that write the same note at once may both get True.)
        """

    def close(self) -> None:
        """Closes files and connections."""


class Listing(Protocol):
    """What lists items in the order of their ids: an index, or one with the names for people."""

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items, from the first one after `after`."""


def pages(
    index: Listing, size: int, where: Mapping[str, str] | None = None
) -> Iterator[list[Item]]:
    """Yields all items in the order of ids, `size` at a time; see `Index.items`."""
    after = ""
    while page := index.items(after, size, where):
        yield page
        after = page[-1].id


def shown(metadata: Mapping[str, str]) -> dict[str, str]:
    """Returns the metadata that users gave an item, without reserved names.

    >>> shown({"label": "cat", "_stamp": "12-34"})
    {'label': 'cat'}
    """
    return {name: value for name, value in metadata.items() if not name.startswith(OWN)}


def checked(items: Sequence[Item], bits: int) -> list[Item]:
    """Checks items that are to be added; of several with the same id the last is kept.

    Raises:
      UserError: an id is not `possible`.
      ValueError: a code is not of `bits` bits, metadata are not strings, or features not int8.

    >>> item = Item("a.jpg", np.zeros(2, np.uint8), {"label": "cat"})
    >>> [kept.id for kept in checked([item, item], 12)]
    ['a.jpg']
    """
    for item in items:
        if not possible(item.id):
            raise UserError(
                f"{item.id[:60]!r} cannot be the id of an image: expected 1 to {ID_LENGTH} "
                "characters of valid text"
            )
        if "" in item.metadata or not _texts([*item.metadata, *item.metadata.values()]):
            raise ValueError(f"metadata of {item.id[:60]!r} are not names and texts")
    for item in items:
        found = item.features
        if found is not None and (found.dtype != np.int8 or found.ndim != 1):
            raise ValueError(f"features are {found.dtype} {found.shape}: expected int8 [d]")
    forms = {(item.code.dtype, item.code.shape) for item in items}
    if len(forms) > 1:
        raise ValueError(f"codes of several forms: {forms}")
    if items:
        checked_queries(np.stack([item.code for item in items]), bits)
    return list({item.id: item for item in items}.values())


def checked_queries(codes: np.ndarray, bits: int) -> np.ndarray:
    """Checks codes, uint8 [q ceil(bits/8)], whose padding bits must be 0.

    Raises:
      ValueError: the type, the shape, or a padding bit is another.
    """
    size = -(-bits // 8)
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != size:
        raise ValueError(f"codes are {codes.dtype} {codes.shape}: expected uint8 [q {size}]")
    if bits % 8 and (codes[:, -1] & (0xFF >> bits % 8)).any():
        raise ValueError(f"codes have bits set beyond the {bits} that they are made of")
    return codes


def possible(id: str) -> bool:
    """Returns whether a text can be an id: 1 to 577 characters, valid Unicode, no null.

    >>> possible("2024/cat.jpg"), possible(""), possible("a" * 578)
    (True, False, False)
    """
    return 0 < len(id) <= ID_LENGTH and "\0" not in id and _texts(id)


def check_identity(where: str, stored: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Raises UserError where an index holds codes of other `bits` or of another `model`."""
    for name, value in ours.items():
        if stored.get(name) != value:
            raise UserError(
                f"index {where} holds codes of {name} {stored.get(name)}, this encoder gives "
                f"{name} {value}: give the --workdir or --encoder that made it, or another --index"
            )


def _texts(values: Sequence[str]) -> bool:
    try:
        "".join(values).encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return True
