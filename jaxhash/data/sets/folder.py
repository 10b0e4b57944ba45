"""One's own images, a folder a class: DATA_DIR/<class>/*.jpg, or any format that Pillow reads."""

from pathlib import Path

from jaxhash.data import user_images
from jaxhash.data.datasets import DataSet
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError


def build() -> DataSet:
    """Describes a folder of one's own.

      --config.data.name=folder --config.data.protocol=own --config.data.dir=PATH

    The folder is read and never written: a copy is prepared where TFDS keeps data sets, anew when a
    file has changed. Every file in a folder of a class counts, in its subfolders too, but for names
    that start with a dot; what is no picture is left out, and listed beside the copy. Files outside
    of the folders of classes have no class and are not looked at.
    """
    return DataSet(
        tfds_name="jaxhash/folder",
        parts=("train",),
        contents=contents,
        protocols=user_images.PROTOCOLS,
        own=True,
    )


def contents(root: Path) -> Contents:
    """Lists the files; raises UserError where there is no folder, or none with a class."""
    if not root.is_dir():
        raise UserError(f"data.dir={root}: no such folder")
    folders = sorted(
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not folders:
        raise UserError(f"data.dir={root}: expected a folder for each class, with its images")
    entries = []
    for number, folder in enumerate(folders):
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(root)
            if not file.is_dir() and not any(part.startswith(".") for part in name.parts):
                entries.append(Entry(name.as_posix(), file, (number,)))
    return user_images.contents(root, [folder.name for folder in folders], entries)
