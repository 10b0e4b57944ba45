"""The user's own images: what `folder` and `manifest` share."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from jaxhash.data.protocols import Protocol
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError

# A tenth of all images are queries; all others are the training set and the database. own_permuted
# is how jaxhash 0.1.0 drew them, for runs that it began.
PROTOCOLS = {
    "own": Protocol(None, None, database="train", counts=None, query_share=0.1, keyed=True),
    "own_permuted": Protocol(None, None, database="train", counts=None, query_share=0.1),
}


def contents(where: Path, classes: Sequence[str], entries: list[Entry]) -> Contents:
    """Describes a data set of the user's own images, with a digest of its files.

    The digest is of ids, labels, sizes and modification times, so that a prepared copy is known to
    be of these very files, and is made anew when they change.

    Args:
      where: the folder or table that the images come from.
      classes: their names.
      entries: the images, with paths of their files.

    Raises:
      UserError: there are no images, or a class has a name that is not UTF-8.
    """
    if not entries:
        raise UserError(f"{where}: no images found")
    for name in classes:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UserError(f"{where}: class {name!r}: its name is not UTF-8; rename it") from None
    digest = hashlib.sha256(os.fsencode(f"{where.resolve()} {'|'.join(classes)}\n"))
    for entry in entries:
        path = Path(os.fsdecode(entry.image))
        status = path.stat() if path.is_file() else None
        state = (status.st_size, status.st_mtime_ns) if status else None
        line = f"{entry.id} {tuple(entry.labels)} {entry.part} {state}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return Contents(classes, entries, digest=digest.hexdigest()[:12], source=str(where))
