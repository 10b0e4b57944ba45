"""The user's own images, one folder for each class: DATA_DIR/<class>/*.jpg."""

from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.contents import Contents, Entry
from jaxhash.data.datasets import DataSet
from jaxhash.data.images import folders, layout
from jaxhash.data.images.folders import Found
from jaxhash.data.images.layout import QUERY, Layout
from jaxhash.errors import UserError, printable


def build() -> DataSet:
    """Describes a folder of the user's own images.

      --config.data.name=folder --config.data.protocol=own --config.data.dir=PATH

    The folder is read and never written: a copy is prepared where TFDS keeps data sets, and anew
    when a file has changed. Every file below the folder of a class is an image of that class, but
    for names that start with a dot; links are followed. What cannot be decoded is left out, and
    listed beside the copy, and so are pictures in folders of the system (@eaDir, __MACOSX) and
    pictures that lie in no folder of a class. Folders without pictures are no classes.
    `jaxhash.data.images.decoder` says what can be decoded.

    Where the folders are those of splits (train, val, test, query, database, ...) and hold folders
    of the same classes, DATA_DIR/train/<class>/*.jpg, they are the splits;
    `jaxhash.data.images.layout` says which names are known.
    """
    return DataSet(
        tfds_name="jaxhash/folder",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path, label_separator: str = "|") -> Contents:
    """Lists the images of a folder; ids are paths from there.

    Args:
      root: the folder.
      label_separator: unused; tables have one.

    Raises:
      UserError: there is no such folder, it holds no folder of a class or no picture in one, a
        folder cannot be listed, or it is not clear whether the folders are classes or splits.
    """
    del label_separator
    if not root.is_dir():
        raise UserError(f"data.dir={root}: no such folder")
    listing = folders.walk(root)
    if listing.unlisted:
        name, reason = listing.unlisted[0]
        raise UserError(
            f"data.dir={root}: {printable(name) or 'the folder'} cannot be listed ({reason}); "
            "allow it, or move it elsewhere"
        )
    if not listing.folders:
        raise UserError(f"data.dir={root}: expected a folder for each class, with its images")
    found = layout.read(listing)
    if found.problem:
        raise UserError(f"data.dir={root}: {printable(found.problem)}")
    if not found.classes:
        raise UserError(f"data.dir={root}: no images found in the folders in it")
    number = {name: position for position, name in enumerate(found.classes)}
    entries, others = [], []
    for file in listing.files:
        label = found.label(file)
        reason = _left_out(file, label in number)
        if label in number and not reason:
            entries.append(Entry(file.name, file.path, (number[label],), found.part(file)))
        elif file.picture or file.label is not None:
            others.append(Entry(file.name, file.path, (), left_out=reason))
    # In the end, for the order of the others is drawn by their numbers.
    return user_images.contents(root, found.classes, entries + others, notes=_notes(found))


def _left_out(file: Found, classified: bool) -> str:
    """Returns why a file is not used, or nothing where it is to be decoded."""
    if file.system:
        return f"it lies in {printable(file.system)}, a folder of the system"
    if classified:
        return ""
    if file.picture:
        return "it lies in no folder of a class"
    return "its folder holds no picture, and is no class"


def _notes(found: Layout) -> list[str]:
    notes = []
    if found.splits:
        roles = sorted(found.splits.items())
        said = ", ".join(f"{top}/ {'query' if role == QUERY else role}" for top, role in roles)
        notes.append(f"folder: the folders are splits: {said}")
    if found.empty:
        names = ", ".join(map(printable, found.empty[:3])) + (", ..." if found.empty[3:] else "")
        notes.append(f"folder: {len(found.empty):,} without pictures, no classes: {names}")
    return notes
