"""List files as published for deep hashing: lines `path 0 1 0 ...` in train, test, database.txt."""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from jaxhash.data import text_files
from jaxhash.data.contents import Absent, Contents, Entry, of_files
from jaxhash.data.protocols import DATABASE, QUERY, TRAIN
from jaxhash.errors import UserError, printable

ROLES = (TRAIN, QUERY, DATABASE)  # train.txt, test.txt, database.txt


def present(folder: Path) -> bool:
    """Returns whether a folder has any of the three lists."""
    return any((folder / f"{role}.txt").exists() for role in ROLES)


def contents(folder: Path, classes: Sequence[str] | None = None) -> Contents:
    """Reads the three lists; the part of an image are all lists that it is in.

    A path is searched under the folder, complete or without its first folders, as published lists
    have paths of another machine. A query must not be in another list. An image that is not found
    is left out as unreadable. The labels are the last values of a line, so that a path may hold
    blanks; the first line gives their number. Files are in UTF-8, or in UTF-16 with a byte-order
    mark.

    Args:
      folder: of the lists and, somewhere under it, the images.
      classes: names of the labels in their order; None numbers them.

    Raises:
      UserError: a list is missing or in another encoding, or a line is damaged, repeated or
        contradicts another.
    """
    labels: dict[str, tuple[int, ...]] = {}
    parts: dict[str, list[str]] = {}
    count = len(classes) if classes else 0
    for role in ROLES:
        for where, line in _lines(folder, role):
            count = count or _count_labels(line)
            path, *row = line.rsplit(None, count)
            if not count or len(row) != count or _count_labels(line) != count:
                expected = f"{count} labels" if count else "labels"
                raise UserError(f"{where}: expected a path and {expected}, each 0 or 1")
            numbers = tuple(number for number, value in enumerate(row) if value == "1")
            if labels.setdefault(path, numbers) != numbers:
                raise UserError(f"{where}: {printable(path)} has other labels than in another list")
            if role in parts.setdefault(path, []):
                raise UserError(
                    f"{where}: {printable(path)} is twice in this list; remove one line"
                )
            if QUERY in parts[path]:
                raise UserError(
                    f"{where}: {printable(path)} is a query too (test.txt); remove it here"
                )
            if role == QUERY and parts[path]:
                raise UserError(f"{where}: {printable(path)} is in train.txt too; remove it here")
            parts[path].append(role)
    files = locate(folder, list(labels))
    names = classes or [f"label_{number}" for number in range(count)]
    entries = [
        Entry(path, file, labels[path], "+".join(parts[path]))
        for path, file in zip(labels, files, strict=True)
    ]
    return of_files(folder, names, entries)


def locate(folder: Path, paths: Sequence[str], among: Sequence[str] = (".",)) -> list[Path]:
    """Finds the files of images, under a folder or one of its folders `among`.

    Args:
      folder: to search.
      paths: of a list; their first folders may be those of another machine.
      among: folders under `folder`.

    Returns:
      a file for each path, which need not exist.

    Raises:
      Absent: none of them exists.
    """
    files = []
    found, base, dropped = False, folder, 0
    for path in paths:
        names = PurePosixPath(path.lstrip("/")).parts
        file = base.joinpath(*names[dropped:])
        # Not Path.exists, which raises for names that are too long.
        here = os.path.exists(file)
        if not here:
            for candidate, start in _places(folder, among, names):
                if os.path.exists(candidate.joinpath(*names[start:])):
                    base, dropped, here = candidate, start, True
                    file = base.joinpath(*names[dropped:])
                    break
        found = found or here
        files.append(file)
    if not found:
        first = printable((*paths, "any")[0])
        raise Absent(f"{folder}: none of the images was found, such as {first}")
    return files


def read_zeros_and_ones(path: Path) -> np.ndarray:
    """Reads a file of one 0 or 1 a line, as bool [n].

    Raises:
      UserError: it is missing, in another encoding, or a line holds anything else.
    """
    if not path.exists():
        raise UserError(f"{path}: missing")
    lines = text_files.lines(path)
    values = np.array([line for _, line in lines], str)
    wrong = np.flatnonzero(~np.isin(values, ("0", "1")))
    if wrong.size:
        raise UserError(f"{path} line {lines[wrong[0]][0]}: expected one 0 or 1 a line")
    return values == "1"


def _places(folder: Path, among: Sequence[str], names: Sequence[str]) -> Iterator:
    for start in range(len(names)):
        for place in among:
            yield folder / place, start


def _lines(folder: Path, role: str) -> Iterator[tuple[str, str]]:
    path = folder / f"{role}.txt"
    if not path.exists():
        raise UserError(
            f"{path}: missing; train.txt, test.txt and database.txt are expected, each with lines "
            "like: path 0 1 0"
        )
    for number, line in text_files.lines(path):
        yield f"{path} line {number}", line


def _count_labels(line: str) -> int:
    """Counts the values 0 and 1 at the end of a line, behind a path.

    >>> _count_labels("images/my 0.jpg 1 0")
    2
    """
    values = line.split()
    labels = itertools.takewhile(lambda value: value in ("0", "1"), reversed(values[1:]))
    return sum(1 for _ in labels)
