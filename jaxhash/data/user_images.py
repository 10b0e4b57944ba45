"""One's own images: what `folder` and `manifest` share."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from jaxhash.data.protocols import Protocol
from jaxhash.data.tfds_builder import Contents, Entry
from jaxhash.errors import UserError

# A tenth of all images ask; all others train and are searched.
PROTOCOLS = {"own": Protocol(None, None, database="train", counts=None, query_share=0.1)}


def contents(where: Path, classes: Sequence[str], entries: list[Entry]) -> Contents:
    """Puts together what was found, with a digest of names, labels, sizes and times.

    So that a prepared copy is known to be of these very files, and changed ones are prepared anew.

    Raises:
      UserError: there are no images.
    """
    if not entries:
        raise UserError(f"{where}: no images found")
    digest = hashlib.sha256(f"{where.resolve()} {'|'.join(classes)}\n".encode())
    for entry in entries:
        status = entry.image.stat() if entry.image.is_file() else None
        state = (status.st_size, status.st_mtime_ns) if status else None
        digest.update(f"{entry.id} {tuple(entry.labels)} {entry.part} {state}\n".encode())
    return Contents(classes, entries, digest=digest.hexdigest()[:12])
