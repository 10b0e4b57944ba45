"""The user's own images: what `folder` and `manifest` share."""

from collections.abc import Sequence
from pathlib import Path

from jaxhash.data.contents import Contents, Entry, digest
from jaxhash.data.protocols import Protocol
from jaxhash.errors import UserError, printable

# A tenth of all images are queries; all others are the training set and the database. own_permuted
# is how jaxhash 0.1.0 drew them, for runs that it began.
PROTOCOLS = {
    "own": Protocol(None, None, database="train", counts=None, query_share=0.1, keyed=True),
    "own_permuted": Protocol(None, None, database="train", counts=None, query_share=0.1),
}


def contents(
    where: Path,
    classes: Sequence[str],
    entries: list[Entry],
    most_left_out: float = 1.0,
    notes: Sequence[str] = (),
) -> Contents:
    """Describes a data set of the user's own images, with a digest of its files.

    The digest is of ids, labels, sizes and modification times, so that a prepared copy is known to
    be of these very files, and is made anew when they change.

    Args:
      where: the folder or table that the images come from.
      classes: their names; blanks around them are removed.
      entries: the images, with paths of their files.
      most_left_out: the largest share of them that may be left out.
      notes: lines to print whenever the data set is loaded.

    Raises:
      UserError: there are no images, or a class has a name that cannot be kept.
    """
    if not entries:
        raise UserError(f"{where}: no images found")
    known: dict[str, str] = {}
    for name in classes:
        _check(where, name)
        if name.strip() in known:
            raise UserError(
                f"{where}: classes {known[name.strip()]!r} and {name!r} differ in blanks alone; "
                "rename one, or put their images together"
            )
        known[name.strip()] = name
    source = str(where.resolve())
    found = digest(classes, entries, source)
    return Contents(
        list(known), entries, digest=found, source=source, most_left_out=most_left_out, notes=notes
    )


def _check(where: Path, name: str) -> None:
    """Refuses names that a file with a name a line cannot hold, as TFDS writes it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: class {name!r}: its name is not UTF-8; rename it") from None
    if not name.strip():
        raise UserError(f"{where}: class {name!r}: its name is blank; rename it")
    if "\n" in name or "\r" in name:
        shown = printable(name)
        raise UserError(f"{where}: class '{shown}': a line break is in its name; rename it")
