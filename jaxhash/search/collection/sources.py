"""Where images come from: a folder, a table, or a prepared TFDS data set."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from jaxhash.data.images import decoder, folders, layout, tables
from jaxhash.errors import UserError, printable
from jaxhash.search.collection import prepared
from jaxhash.search.collection.catalog import PREPARED
from jaxhash.search.collection.origin import STAMP, Entry, Origin
from jaxhash.search.index.interface import OWN


def resolve(images: str) -> str:
    """Returns the place that `--images` names, as a collection keeps it.

    Args:
      images: a folder, a table (.csv or .parquet) with a column `path`, tfds:NAME, tfds:NAME/SPLIT,
        or tfds:NAME/PROTOCOL, which is the database of that protocol.

    Raises:
      UserError: there is no such folder or table.
    """
    if images.startswith(PREPARED):
        return images.rstrip("/")
    place = Path(images).expanduser()
    if place.is_dir() or (tables.is_table(place) and place.is_file()):
        return str(place.resolve())
    reason = "a file" if place.is_file() else "no such folder"
    raise UserError(
        f"--images={printable(images)}: {reason}; expected a folder, a table (.csv or .parquet) "
        f"with a column 'path', or {PREPARED}NAME/SPLIT"
    )


def exists(place: str) -> bool:
    """Says whether the folder or table of a place is there; True for a data set."""
    return place.startswith(PREPARED) or Path(place).exists()


def find(
    place: str,
    data_dir: str | None = None,
    seed: int = 0,
    side: int = 224,
) -> Origin:
    """Lists the images of a place.

    Args:
      place: see `resolve`.
      data_dir: where TFDS data sets lie.
      seed: of the protocol's draw.
      side: height and width in pixels of the images of a data set that differ in size.

    Raises:
      UserError: it holds no image, or cannot be read.
    """
    if place.startswith(PREPARED):
        origin = prepared.find(place, data_dir, seed, side)
    elif tables.is_table(Path(place)) and Path(place).is_file():
        origin = _table(Path(place))
    else:
        origin = _folder(Path(place))
    if not origin.entries:
        raise UserError(_nothing(origin))
    return origin


def without(origin: Origin, exclude: Sequence[str]) -> Origin:
    """Leaves out images by patterns, see `is_excluded`; raises UserError where none is left."""
    excluded = [entry.path for entry in origin.entries if is_excluded(entry.path, exclude)]
    left_out = set(excluded)
    entries = [entry for entry in origin.entries if entry.path not in left_out]
    if not entries:
        raise UserError(
            f"--images={printable(origin.place)}: --exclude leaves out all {len(excluded):,} images"
        )
    return origin._replace(entries=entries, excluded=excluded)


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Says whether a pattern fits a path: the whole of it, or the name of a file or folder in it.

    >>> is_excluded("2024/raw/a.jpg", ["raw"]), is_excluded("2024/a.jpg", ["2024/*.png"])
    (True, False)
    """
    parts = path.split("/")
    return any(
        fnmatchcase(text, pattern.rstrip("/")) for pattern in patterns for text in (path, *parts)
    )


def _folder(root: Path) -> Origin:
    """Lists the pictures below a folder; their labels are those that training reads."""
    listing = folders.walk(root)
    for name, reason in listing.unlisted:
        if not name:
            raise UserError(
                f"--images={printable(str(root))}: the folder cannot be listed ({reason})"
            )
    found = layout.read(listing)
    full = {folder for file in listing.files for folder in _above(file.name)}
    origin = Origin(
        str(root),
        [],
        others=[file.name for file in listing.files if not file.picture and not file.system],
        system=[file.name for file in listing.files if file.system],
        unlisted=listing.unlisted,
        empty=[name for name in listing.folders if name not in full],
    )
    for file in listing.files:
        if file.picture:
            label = found.label(file)
            metadata = {} if label is None else {"label": label}
            origin.entries.append(_file(file.name, file.path, metadata))
    return origin


def _above(name: str) -> list[str]:
    """Lists the folders that a file lies in.

    >>> _above("a/b/c.png")
    ['a', 'a/b']
    """
    folders = name.split("/")[:-1]
    return ["/".join(folders[: count + 1]) for count in range(len(folders))]


def _table(path: Path) -> Origin:
    """Reads a table; paths are relative to its folder, other columns become metadata."""
    origin = Origin(str(path), [])
    for row in tables.read(path):
        reserved = [name for name in row.values if name.startswith(OWN)]
        if reserved:
            raise UserError(
                f"{path}: column {reserved[0]!r} begins with {OWN!r}, which is reserved; rename it"
            )
        metadata = {name: value for name, value in row.values.items() if name and value}
        origin.entries.append(_file(row.name, row.path, metadata))
    return origin


def _file(path: str, file: Path, metadata: dict[str, str]) -> Entry:
    try:
        status = file.stat()
        stamp = f"{status.st_size}-{status.st_mtime_ns}"
    except (OSError, ValueError):
        stamp = "none"  # decoding gives the reason
    return Entry(path, {**metadata, STAMP: stamp}, file)


def _nothing(origin: Origin) -> str:
    place, others = printable(origin.place), len(origin.others) + len(origin.system)
    if tables.is_table(Path(origin.place)):
        return f"--images={place}: no images found, the table is empty"
    unlisted = "".join(f"; {name} cannot be listed ({why})" for name, why in origin.unlisted)
    return (
        f"--images={place}: no images found ({others:,} other files){unlisted}; expected pictures "
        f"as {decoder.names()}"
    )
