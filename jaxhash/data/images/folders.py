"""The one walk through a folder of pictures: training and search take the same files."""

import os
from pathlib import Path
from typing import NamedTuple

from jaxhash.data.images.signatures import is_picture


class Found(NamedTuple):
    """A file below a folder.

    name: its path from the folder, with `/` between the parts. path: of the file. picture: whether
    it is meant to be a picture, see `jaxhash.data.images.signatures.is_picture`.
    """

    name: str
    path: Path
    picture: bool

    @property
    def label(self) -> str | None:
        """The first folder of its name; None for a file that lies in no subfolder."""
        first, slash, _ = self.name.partition("/")
        return first if slash else None


class Listing(NamedTuple):
    """The files below a folder.

    files: pictures and others. unlisted: (name, reason) of each folder that cannot be listed, with
    the name "" for the root; what lies below it is unknown.
    """

    files: list[Found]
    unlisted: list[tuple[str, str]]


def walk(root: Path) -> Listing:
    """Lists the files below a folder.

    Names that start with a dot are left out. Links are followed, to files and to folders; a link to
    a folder that it lies in itself is not, for its files are listed already. What is neither a file
    nor a folder (pipes, sockets, devices) is listed as no picture, and never opened.

    Args:
      root: a folder; one that does not exist is `unlisted`.

    Returns:
      the files, ordered by the parts of their names.
    """
    files: list[Found] = []
    unlisted: list[tuple[str, str]] = []
    # Not os.walk: it follows a loop of links until a path is too long.
    waiting: list[tuple[str, Path, frozenset]] = [("", root, frozenset())]
    while waiting:
        name, folder, above = waiting.pop()
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                continue
            entries = os.listdir(folder)
        except OSError as error:
            unlisted.append((name, error.strerror or type(error).__name__))
            continue
        for entry in entries:
            if entry.startswith("."):
                continue
            path = folder / entry
            below = f"{name}/{entry}" if name else entry
            if path.is_dir():
                waiting.append((below, path, above | {here}))
            else:
                files.append(Found(below, path, is_picture(path)))
    return Listing(
        sorted(files, key=lambda file: file.name.split("/")),
        sorted(unlisted, key=lambda folder: folder[0].split("/")),
    )
