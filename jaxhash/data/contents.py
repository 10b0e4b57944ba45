"""What a data set of our own is made of: entries, classes, and a digest of their files."""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxhash.errors import UserError


class Absent(UserError):
    """What a data set is prepared from is not there."""


class Entry(NamedTuple):
    """One image of a data set that is to be written.

    id: its name, unique. image: the content of a picture file, or its path. labels: numbers of its
    classes. part: its split in a protocol that the data set itself gives, see
    `jaxhash.data.protocols`. left_out: the reason why it is not to be used, where that is known
    before it is read.
    """

    id: str
    image: bytes | Path
    labels: Sequence[int]
    part: str = "all"
    left_out: str = ""


class Contents(NamedTuple):
    """What a data set of our own holds.

    classes: names of the classes. entries: the images, iterated over once. channels: 1 or 3.
    shape: (height, width) where all images have the same. digest: of all that the data set is made
    from, see `digest`; empty where it is made of nothing that the user may change. source: the
    folder or table that the images come from. most_left_out: the largest share of entries that may
    be left out. notes: lines to print whenever the data set is loaded.
    """

    classes: Sequence[str]
    entries: Iterable[Entry]
    channels: int = 3
    shape: tuple[int | None, int | None] = (None, None)
    digest: str = ""
    source: str = ""
    most_left_out: float = 1.0
    notes: Sequence[str] = ()


def of_files(folder: Path, classes: Sequence[str], entries: list[Entry]) -> Contents:
    """Describes a published data set that is made of the files of a folder, lists and images."""
    return Contents(classes, entries, digest=digest(classes, entries), source=str(folder))


def digest(classes: Sequence[str], entries: Iterable[Entry], where: str = "") -> str:
    """Digests all that a data set is made from, so that a prepared copy is known to be of it.

    Args:
      classes: their names.
      entries: the images, with the paths of their files; ids, labels, parts, sizes and modification
        times count.
      where: what else counts, such as the place of the files.

    Returns:
      12 hexadecimal digits of a SHA-256.

    >>> one, other = (digest(["a"], [Entry("x", Path("none"), (l,))]) for l in (0, 1))
    >>> len(one), one == other
    (12, False)
    """
    found = hashlib.sha256(os.fsencode(f"{where} {'|'.join(classes)}\n"))
    for entry in entries:
        line = f"{entry.id} {tuple(entry.labels)} {entry.part} {_state(os.fspath(entry.image))}"
        line += f" {entry.left_out}\n" if entry.left_out else "\n"
        found.update(line.encode(errors="surrogateescape"))
    return found.hexdigest()[:12]


def _state(path: str | bytes) -> tuple[int, int] | None:
    """Returns the size and modification time of a file, or None for what is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a null character
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def originals(root: Path, name: str, required: bool = True) -> Path:
    """Returns the folder for files that the user must download themselves, as TFDS names it.

    Raises:
      Absent: it is not there, and `required`.
    """
    folder = root / "downloads" / "manual" / name
    if required and not folder.is_dir():
        raise Absent(
            f"data set {name} is not prepared under {root}, and {folder} is not there to prepare "
            f"it from; jaxhash/data/sets/{name}.py says what belongs there"
        )
    return folder
