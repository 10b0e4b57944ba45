"""What the folders of pictures mean: a folder for each class, or splits that hold these folders."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from jaxhash.data.images.folders import Found, Listing

TRAIN, VALIDATION, QUERY, DATABASE = "train", "validation", "test", "database"
# Usual names of the folders of splits, in lower case.
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": QUERY,
    "testing": QUERY,
    "query": QUERY,
    "queries": QUERY,
    "database": DATABASE,
    "gallery": DATABASE,
}


class Layout(NamedTuple):
    """The classes and splits of a listing.

    classes: names of the folders that hold pictures. splits: from the name of a folder to "train",
    "test" or "database"; empty where the first folders are the classes. empty: folders that would
    be classes, and hold no picture. problem: why the meaning of the folders is not clear; the first
    folders are then taken for classes.
    """

    classes: list[str]
    splits: Mapping[str, str]
    empty: list[str]
    problem: str = ""

    def label(self, file: Found) -> str | None:
        """Returns the class of a file, or None for one that lies in no folder of a class."""
        parts = file.name.split("/")[:-1]
        if self.splits:
            parts = parts[1:]
        return parts[0] if parts else None

    def part(self, file: Found) -> str:
        """Returns the split of a file; "all" where folders give none."""
        return self.splits.get(file.label or "", "all")


def read(listing: Listing) -> Layout:
    """Finds out what the folders of a listing mean.

    They are splits where each has a usual name (train, val, valid, validation, test, query,
    database, ...), at least two of them hold pictures, and all hold folders of the same classes.
    Pictures of a validation split are queries where there is no other split of queries, and
    training images otherwise.
    """
    pictures = [file for file in listing.files if file.picture and file.label is not None]
    tops = sorted({file.name.split("/")[0] for file in pictures})
    empty = [name for name in listing.folders if "/" not in name and name not in tops]
    plain = Layout(tops, {}, empty)
    named = [top for top in tops if top.casefold() in SPLITS]
    below = _classes_below(pictures)
    flat = any(file.name.count("/") == 1 for file in pictures)
    if len(tops) == 1 and len(below[tops[0]]) > 1 and not flat:
        return plain._replace(
            problem=f"all pictures lie in folders of {tops[0]}/; for these as classes, give that "
            "folder"
        )
    if len(named) < 2 or not all(below[top] for top in named):
        if len(named) == len(tops) > 1:
            return plain._replace(problem=_advice(named, "they hold no folders of classes"))
        return plain
    others = [top for top in tops if top not in named]
    if others:
        return plain._replace(problem=_advice(named, f"{others[0]}/ beside them does not"))
    return _splits(listing, named, set().union(*below.values()))


def _splits(listing: Listing, named: list[str], classes: set[str]) -> Layout:
    known = {f"{top}/{name}" for top in named for name in classes}
    missing = known - set(listing.folders)
    roles = {top: SPLITS[top.casefold()] for top in named}
    kind = TRAIN if QUERY in roles.values() else QUERY
    roles = {top: kind if role == VALIDATION else role for top, role in roles.items()}
    plain = Layout(named, {}, [])
    if missing:
        why = f"there is no folder {min(missing)}/, which may be empty"
        return plain._replace(problem=_advice(named, why))
    if not {TRAIN, QUERY} <= set(roles.values()):
        return plain._replace(problem=_advice(named, "train/, and test/ or val/, are expected"))
    empty = [
        name
        for name in listing.folders
        if name.count("/") == 1 and name.partition("/")[0] in named and name not in known
    ]
    return Layout(sorted(classes), roles, empty)


def _classes_below(pictures: list[Found]) -> dict[str, set[str]]:
    """Lists for each first folder the folders in it that hold pictures."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in pictures:
        parts = file.name.split("/")
        if len(parts) > 2:
            found[parts[0]].add(parts[1])
    return found


def _advice(named: list[str], why: str) -> str:
    return (
        f"{' and '.join(f'{top}/' for top in named[:2])} look like splits, but {why}; expected "
        "train/CLASS/ and test/CLASS/ (or val/, query/, database/) with the same classes, or a "
        "table with a column split (data.name=manifest)"
    )
