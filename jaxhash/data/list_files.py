"""List files as published for deep hashing: lines `path 0 1 0 ...` in train, test, database.txt."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from jaxhash.data.protocols import DATABASE, QUERY, TRAIN
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError

ROLES = (TRAIN, QUERY, DATABASE)  # train.txt, test.txt, database.txt


def present(folder: Path) -> bool:
    """Returns whether a folder has any of the three lists."""
    return any((folder / f"{role}.txt").exists() for role in ROLES)


def contents(folder: Path, classes: Sequence[str] | None = None) -> Contents:
    """Reads the three lists; the part of an image are all lists that it is in.

    A path is searched under the folder, complete or without its first folders, as published lists
    have paths of another machine. A query must not be in another list. An image that is not found
    is left out as unreadable.

    Args:
      folder: of the lists and, somewhere under it, the images.
      classes: names of the labels in their order; None numbers them.

    Raises:
      UserError: a list is missing, or a line is damaged, repeated or contradicts another.
    """
    labels: dict[str, tuple[int, ...]] = {}
    parts: dict[str, list[str]] = {}
    count = len(classes) if classes else 0
    for role in ROLES:
        for where, path, row in _rows(folder, role):
            count = count or len(row)
            if len(row) != count or set(row) - {"0", "1"}:
                raise UserError(f"{where}: expected a path and {count} labels, each 0 or 1")
            numbers = tuple(number for number, value in enumerate(row) if value == "1")
            if labels.setdefault(path, numbers) != numbers:
                raise UserError(f"{where}: {path} has other labels than in another list")
            if role in parts.setdefault(path, []):
                raise UserError(f"{where}: {path} is twice in this list; remove one line")
            if QUERY in parts[path]:
                raise UserError(f"{where}: {path} is a query too (test.txt); remove it here")
            if role == QUERY and parts[path]:
                raise UserError(f"{where}: {path} is in train.txt too; remove it here")
            parts[path].append(role)
    files = locate(folder, list(labels))
    names = classes or [f"label_{number}" for number in range(count)]
    entries = [
        Entry(path, file, labels[path], "+".join(parts[path]))
        for path, file in zip(labels, files, strict=True)
    ]
    return Contents(names, entries)


def locate(folder: Path, paths: Sequence[str], among: Sequence[str] = (".",)) -> list[Path]:
    """Finds the files of images, under a folder or one of its folders `among`.

    Args:
      folder: to search.
      paths: of a list; their first folders may be those of another machine.
      among: folders under `folder`.

    Returns:
      a file for each path, which need not exist.

    Raises:
      UserError: none of them exists.
    """
    files = []
    found, base, dropped = False, folder, 0
    for path in paths:
        names = PurePosixPath(path.lstrip("/")).parts
        file = base.joinpath(*names[dropped:])
        if not file.exists():
            for candidate, start in _places(folder, among, names):
                if candidate.joinpath(*names[start:]).exists():
                    base, dropped = candidate, start
                    file = base.joinpath(*names[dropped:])
                    break
        found = found or file.exists()
        files.append(file)
    if not found:
        raise UserError(f"{folder}: none of the images was found, such as {(*paths, 'any')[0]}")
    return files


def read_zeros_and_ones(path: Path) -> np.ndarray:
    """Reads a file of one 0 or 1 a line; raises UserError where it is missing or holds others."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        raise UserError(f"{path}: missing") from None
    if set(lines) - {"0", "1"}:
        raise UserError(f"{path}: expected one 0 or 1 a line")
    return np.array(lines) == "1"


def _places(folder: Path, among: Sequence[str], names: Sequence[str]) -> Iterator:
    for start in range(len(names)):
        for place in among:
            yield folder / place, start


def _rows(folder: Path, role: str) -> Iterator[tuple[str, str, list[str]]]:
    path = folder / f"{role}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(
            f"{path}: missing; train.txt, test.txt and database.txt are expected, each with lines "
            "like: path 0 1 0"
        ) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, *row = line.split()
            yield f"{path} line {number}", name, row
