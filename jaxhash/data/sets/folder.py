"""The user's own images, one folder for each class: DATA_DIR/<class>/*.jpg."""

from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.datasets import DataSet
from jaxhash.data.images import folders
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError


def build() -> DataSet:
    """Describes a folder of the user's own images.

      --config.data.name=folder --config.data.protocol=own --config.data.dir=PATH

    The folder is read and never written: a copy is prepared where TFDS keeps data sets, and anew
    when a file has changed. Every file below the folder of a class is an image of that class, but
    for names that start with a dot; links are followed. What cannot be decoded is left out, and
    listed beside the copy; `jaxhash.data.images.decoder` says what can. Files beside the folders of
    classes have no class and are ignored.
    """
    return DataSet(
        tfds_name="jaxhash/folder",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path) -> Contents:
    """Lists the images of a folder; ids are paths from there.

    Raises:
      UserError: there is no such folder, it holds no folder of a class or no file in one, or a
        folder cannot be listed.
    """
    if not root.is_dir():
        raise UserError(f"data.dir={root}: no such folder")
    listing = folders.walk(root)
    if listing.unlisted:
        name, reason = listing.unlisted[0]
        raise UserError(
            f"data.dir={root}: {name or 'the folder'} cannot be listed ({reason}); allow it, or "
            "move it elsewhere"
        )
    classes = sorted(
        path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not classes:
        raise UserError(f"data.dir={root}: expected a folder for each class, with its images")
    number = {name: position for position, name in enumerate(classes)}
    entries = [
        Entry(file.name, file.path, (number[file.label],))
        for file in listing.files
        if file.label is not None
    ]
    return user_images.contents(root, classes, entries)
