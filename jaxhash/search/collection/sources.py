"""Where images come from: a folder, a table, or a prepared TFDS data set."""

from pathlib import Path

from jaxhash.data.images import decoder, folders, layout, tables
from jaxhash.errors import UserError
from jaxhash.search.collection import prepared
from jaxhash.search.collection.origin import FROM, STAMP, Entry, Origin
from jaxhash.search.index.interface import OWN


def find(images: str, data_dir: str | None, seed: int = 0) -> Origin:
    """Lists the images of a place.

    Args:
      images: a folder, a table (.csv or .parquet) with a column `path`, tfds:NAME, tfds:NAME/SPLIT,
        or tfds:NAME/PROTOCOL, which is the database of that protocol.
      data_dir: where TFDS data sets lie.
      seed: of the protocol's draw.

    Raises:
      UserError: there is no such place, or it holds no image.
    """
    if images.startswith(prepared.PREFIX):
        return prepared.find(images, data_dir, seed)
    place = Path(images).expanduser()
    if place.is_dir():
        return _folder(place.resolve())
    if tables.is_table(place) and place.is_file():
        return _table(place.resolve())
    reason = "a file" if place.is_file() else "no such folder"
    raise UserError(
        f"--images={images}: {reason}; expected a folder, a table (.csv or .parquet) with a column "
        f"'path', or {prepared.PREFIX}NAME/SPLIT"
    )


def _folder(root: Path) -> Origin:
    """Lists the pictures below a folder; their labels are those that training reads."""
    listing = folders.walk(root)
    for name, reason in listing.unlisted:
        if not name:
            raise UserError(f"--images={root}: the folder cannot be listed ({reason})")
    found = layout.read(listing)
    others = [file.name for file in listing.files if not file.picture]
    origin = Origin(str(root), [], root, others=others, unlisted=listing.unlisted)
    for file in listing.files:
        if file.picture:
            label = found.label(file)
            metadata = {} if label is None else {"label": label}
            origin.entries.append(_file(file.name, file.path, metadata, origin))
    if not origin.entries:
        unlisted = "".join(f"; {name} cannot be listed ({why})" for name, why in listing.unlisted)
        raise UserError(
            f"--images={root}: no images found ({len(others)} other files){unlisted}; expected "
            f"pictures as {decoder.names()}"
        )
    return origin


def _table(path: Path) -> Origin:
    """Reads a table; paths are relative to its folder, other columns become metadata."""
    origin = Origin(str(path), [], path.parent)
    for row in tables.read(path):
        reserved = [name for name in row.values if name.startswith(OWN)]
        if reserved:
            raise UserError(
                f"{path}: column {reserved[0]!r} begins with {OWN!r}, which is reserved; rename it"
            )
        metadata = {name: value for name, value in row.values.items() if name and value}
        origin.entries.append(_file(row.name, row.path, metadata, origin))
    if not origin.entries:
        raise UserError(f"--images={path}: no images found, the table is empty")
    return origin


def _file(id: str, path: Path, metadata: dict[str, str], origin: Origin) -> Entry:
    try:
        status = path.stat()
        stamp = f"{status.st_size}-{status.st_mtime_ns}"
    except (OSError, ValueError):
        stamp = "none"  # decoding gives the reason
    return Entry(id, {**metadata, FROM: origin.tag(), STAMP: stamp}, path)
