"""The collections of an index: names, where their pictures lie, and what is left out of them.

An item of the index is named `collection/path`. The index itself remembers its collections, as
notes, so that it can be searched with any network folder, and moved.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxhash.errors import UserError, nearest, printable
from jaxhash.search.index.interface import NAME_LENGTH, OWN, Index, possible

NOTE = "collection:"  # before the name of a collection, in the name of its note
UPLOADS = "uploads"  # the collection of pictures that were added through the service
PREPARED = "tfds:"
COLLECTION = OWN + "collection"  # metadata: the name of an item's collection


class Collection(NamedTuple):
    """A collection of an index.

    name: its items are named `name/path`. place: the folder, the table, or tfds:NAME/PART, where
    its pictures lie; None where that is not known, and of uploads. data_dir: folder of TFDS data
    sets. exclude: patterns of paths that are left out.
    """

    name: str
    place: str | None = None
    data_dir: str | None = None
    exclude: tuple[str, ...] = ()


def read(index: Index) -> dict[str, Collection]:
    """Returns the collections of an index by name, in the order of names."""
    found = {}
    for title, note in sorted(index.notes().items()):
        if title.startswith(NOTE):
            name = title.removeprefix(NOTE)
            values = json.loads(note)
            exclude = tuple(values.get("exclude", ()))
            found[name] = Collection(name, values.get("place"), values.get("data_dir"), exclude)
    return found


def write(index: Index, collection: Collection, before: Collection | None) -> None:
    """Remembers a collection.

    Args:
      index: that has it.
      collection: as it is to be.
      before: as it was read; None where it is new.

    Raises:
      UserError: another process changed it meanwhile.
    """
    old = None if before is None else text(before)
    if not index.note(NOTE + collection.name, text(collection), old):
        raise UserError(
            f"collection {collection.name}: another process changed it at the same time; start "
            "again"
        )


def forget(index: Index, name: str) -> None:
    """Forgets a collection; its items stay."""
    before = read(index).get(name)
    if before is not None:
        index.note(NOTE + name, None, text(before))


def check_name(name: str) -> str:
    """Returns a name that a collection can have.

    Raises:
      UserError: it cannot.

    >>> check_name("photos 2024")
    'photos 2024'
    """
    if "/" in name or name.startswith(".") or not possible(name) or len(name) > NAME_LENGTH:
        raise UserError(
            f"--collection={printable(name)}: expected a name of 1 to {NAME_LENGTH} characters "
            "without /, which does not begin with a dot"
        )
    if name == UPLOADS:
        raise UserError(
            f"--collection={name}: pictures added through the service have this name; give another"
        )
    return name


def default_name(place: str) -> str:
    """Names the collection of a place after its folder, table or data set.

    >>> default_name("/home/me/photos"), default_name("/a/list.csv"), default_name("tfds:voc/all")
    ('photos', 'list', 'voc-all')
    """
    if place.startswith(PREPARED):
        name = place.removeprefix(PREPARED).strip("/").replace("/", "-")
    else:
        path = Path(place)
        name = path.stem if path.suffix.lower() in (".csv", ".parquet") else path.name
    name = os.fsencode(name).decode(errors="replace").lstrip(".")[:NAME_LENGTH]
    return name or "root"


def choose(known: Mapping[str, Collection], place: str, name: str | None) -> str:
    """Decides which collection a place is: one that is known, or a new one.

    Args:
      known: collections of the index, by name.
      place: as in `Collection`.
      name: that the user gave, if any; a collection that is known then has this place from now on.

    Raises:
      UserError: the name that the place would have belongs to another, or cannot be one; or another
        collection has this place.
    """
    there = [collection.name for collection in known.values() if collection.place == place]
    if name is not None:
        if there and name not in there:
            raise UserError(
                f"--collection={printable(name)}: {printable(place)} is the place of the "
                f"collection {there[0]}; forget that one first"
            )
        return check_name(name)
    if there:
        return there[0]
    name = default_name(place)
    if name == UPLOADS:
        raise UserError(
            f"--images={printable(place)}: pictures added through the service have the name "
            f"{UPLOADS}; give --collection=NAME"
        )
    if name in known:
        other = known[name].place
        where = f"of {printable(other)}" if other else "whose place is not known"
        raise UserError(
            f"--images={printable(place)}: the index has a collection {name}, {where}; if these "
            f"are the same pictures, moved, give --collection={name}, else another name"
        )
    return name


def find(known: Mapping[str, Collection], name: str) -> Collection:
    """Returns a collection by name.

    Raises:
      UserError: there is none.
    """
    if name not in known:
        raise UserError(
            f"--collection={printable(name)}: the index has none of this name; "
            + (nearest(name, known) if known else "it has none at all")
        )
    return known[name]


def key(collection: str, path: str) -> str:
    """Returns the id of an item in the index.

    >>> key("photos", "2024/cat.jpg")
    'photos/2024/cat.jpg'
    """
    return f"{collection}/{path}"


def shown(known: Mapping[str, Collection], id: str) -> str:
    """Returns the name of an item for people: its path where there is one collection alone.

    >>> shown({"a": Collection("a")}, "a/x.png")
    'x.png'
    >>> shown({"a": Collection("a"), "b": Collection("b")}, "a/x.png")
    'a/x.png'
    """
    if len(known) == 1:
        return id.removeprefix(f"{next(iter(known))}/")
    return id


def keys(known: Sequence[str], name: str) -> list[str]:
    """Lists the ids that a name which people give can mean; the first that exists is meant.

    With one collection a name is a path in it; with several it is `collection/path`, and a path
    that is in one of them alone is found too.

    >>> keys(["a"], "x.png"), keys(["a", "b"], "a/x.png")[0]
    (['a/x.png', 'x.png'], 'a/x.png')
    """
    paths = [key(collection, name) for collection in known]
    return [*paths, name] if len(paths) == 1 else [name, *paths]


def text(collection: Collection) -> str:
    """Writes the note of a collection."""
    return json.dumps(collection._asdict())
