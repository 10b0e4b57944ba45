"""The splits that a run began with, kept in its folder and compared at every later start.

Otherwise an image added to a folder could make training images the queries of an evaluation.
"""

import hashlib
import json
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from jaxhash.data import Data
from jaxhash.errors import UserError
from jaxhash.runs import workdir as workdirs

SPLIT = "split.json"
SHOWN = 3  # images that an error names


class SplitRecord(NamedTuple):
    """What identifies the train, query and database splits of a run.

    protocol: name of the protocol. seed: of the draw. counts: of the train, query and database
    split. checksum: of the ids, in order (`Split.checksum`). content: checksum of the labels and,
    where they are known, of the image files, by id. images: for one's own images, id to a digest of
    its splits, labels and file, so that a difference can be named; {} for published data sets.
    """

    protocol: str
    seed: int
    counts: tuple[int, int, int]
    checksum: str
    content: str
    images: dict[str, str]

    @classmethod
    def of(cls, data: Data, protocol: str, seed: int) -> "SplitRecord":
        """Describes the splits of a data set.

        Args:
          data: the data set and its splits.
          protocol: name of its protocol.
          seed: of the draw.
        """
        pool, split = data.pool, data.split
        parts = {"t": split.train, "q": split.query, "d": split.database}
        digests = _digests(pool, parts)
        content = hashlib.sha256("\n".join(sorted(digests.values())).encode()).hexdigest()[:16]
        counts = (len(split.train), len(split.query), len(split.database))
        own = digests if pool.digests is not None else {}
        return cls(protocol, seed, counts, split.checksum, content, own)

    def write(self, folder: epath.Path) -> None:
        """Writes the record into the folder of a run, whole or not at all."""
        text = json.dumps(self._asdict(), indent=1, ensure_ascii=True)
        workdirs.write(folder / SPLIT, text + "\n")

    @classmethod
    def read(cls, folder: epath.Path) -> "SplitRecord | None":
        """Reads the record of a run; None where it has none (runs of jaxhash 0.1.0).

        Raises:
          UserError: it is damaged.
        """
        path = folder / SPLIT
        if not path.exists():
            return None
        try:
            found = cls(**json.loads(path.read_text(encoding="utf-8")))
            return found._replace(counts=tuple(found.counts))
        except (ValueError, TypeError):
            raise UserError(f"{path}: damaged; restore it, or train in another --workdir") from None

    def check(self, before: "SplitRecord", folder: epath.PathLike) -> None:
        """Compares the splits of today, `self`, with those that a run began with.

        Args:
          before: the record of the run.
          folder: of the run, for the message.

        Raises:
          UserError: they differ; it says how many images were added, are missing or were changed.
        """
        if (self.checksum, self.content) == (before.checksum, before.content):
            return
        raise UserError(
            f"workdir {folder}: its run began with other data, {_counts(before)} (split "
            f"{before.checksum}); data.dir now gives {_counts(self)} (split {self.checksum})"
            f"{self._difference(before)}; restore the data, or train in another --workdir"
        )

    def _difference(self, before: "SplitRecord") -> str:
        if not self.images or not before.images:
            return ""
        now, then = self.images, before.images
        changes = {
            "added": now.keys() - then.keys(),
            "missing": then.keys() - now.keys(),
            "changed": {id for id in now.keys() & then.keys() if now[id] != then[id]},
        }
        said = [f"{len(ids):,} {how} ({_some(ids)})" for how, ids in changes.items() if ids]
        return f": {', '.join(said)}" if said else ""


def _digests(pool: Any, parts: dict[str, np.ndarray]) -> dict[str, str]:
    """Digests the labels, splits and file of each image of a split, by id."""
    roles: dict[int, str] = {}
    for role, positions in parts.items():
        for position in positions.tolist():
            roles[position] = roles.get(position, "") + role
    packed = np.packbits(pool.labels.astype(bool), axis=1)
    found = {}
    for position, role in roles.items():
        id = str(pool.ids[position])
        digest = hashlib.sha256(f"{id}\n{role}\n".encode(errors="surrogateescape"))
        digest.update(packed[position].tobytes())
        if pool.digests is not None:
            digest.update(str(pool.digests[position]).encode())
        found[id] = digest.hexdigest()[:12]
    return found


def _counts(record: SplitRecord) -> str:
    train, query, database = record.counts
    return f"{train:,} train, {query:,} query, {database:,} database images"


def _some(ids: set[str]) -> str:
    shown = sorted(ids)[:SHOWN]
    return ", ".join(shown) + (", ..." if len(ids) > SHOWN else "")
