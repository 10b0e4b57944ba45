"""The one walk through a folder of pictures: training and search take the same files."""

import os
from collections import deque
from pathlib import Path
from typing import NamedTuple

from jaxhash.data.images.signatures import is_picture

# Folders that systems and programs leave among pictures, with thumbnails or deleted files.
SYSTEM = frozenset(
    # fmt: off
    (
        "__macosx",
        "@eadir",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    )
    # fmt: on
)


class Found(NamedTuple):
    """A file below a folder.

    name: its path from the folder, with `/` between the parts. path: of the file. picture: whether
    it is meant to be a picture, see `jaxhash.data.images.signatures.is_picture`, and lies in no
    folder of the system.
    """

    name: str
    path: Path
    picture: bool

    @property
    def label(self) -> str | None:
        """The first folder of its name; None for a file that lies in no subfolder."""
        first, slash, _ = self.name.partition("/")
        return first if slash else None

    @property
    def system(self) -> str | None:
        """The folder of the system that it lies in, such as @eaDir; None for other files."""
        folders = self.name.split("/")[:-1]
        return next((folder for folder in folders if folder.casefold() in SYSTEM), None)


class Listing(NamedTuple):
    """The files below a folder.

    files: pictures and others. unlisted: (name, reason) of each folder that cannot be listed, with
    the name "" for the root; what lies below it is unknown. folders: names of all folders that were
    listed, but for the root.
    """

    files: list[Found]
    unlisted: list[tuple[str, str]]
    folders: list[str]


def walk(root: Path) -> Listing:
    """Lists the files below a folder.

    Names that start with a dot are left out. Links are followed, to files and to folders; a folder
    that several links lead to is listed once below each folder of `root`, so that links in circles
    end. Files in folders of the system (`SYSTEM`) are listed as no pictures. What is neither a file
    nor a folder (pipes, sockets, devices) is listed as no picture, and never opened.

    Args:
      root: a folder; one that does not exist is `unlisted`.

    Returns:
      the files, ordered by the parts of their names.
    """
    files: list[Found] = []
    unlisted: list[tuple[str, str]] = []
    folders: list[str] = []
    # Not os.walk: it follows a loop of links until a path is too long.
    waiting, linked = deque([("", root)]), deque[tuple[str, Path]]()
    seen: set[tuple] = set()
    while waiting or linked:
        name, folder = (waiting or linked).popleft()  # a folder itself, before links to it
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if {("", here), (name.partition("/")[0], here)} & seen:
                continue
            entries = sorted(os.listdir(folder))
        except OSError as error:
            if not _is_system(name):
                unlisted.append((name, error.strerror or type(error).__name__))
            continue
        seen.add((name.partition("/")[0], here))
        if name:
            folders.append(name)
        for entry in entries:
            if entry.startswith("."):
                continue
            path = folder / entry
            below = f"{name}/{entry}" if name else entry
            if os.path.isdir(path):
                (linked if os.path.islink(path) else waiting).append((below, path))
            else:
                files.append(Found(below, path, not _is_system(name) and is_picture(path)))
    return Listing(
        sorted(files, key=lambda file: file.name.split("/")),
        sorted(unlisted, key=lambda folder: folder[0].split("/")),
        sorted(folders, key=lambda folder: folder.split("/")),
    )


def _is_system(folder: str) -> bool:
    return any(part.casefold() in SYSTEM for part in folder.split("/"))
