"""Protocols: which images train, which ask, which are searched. Named, seeded and checked."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError

DATABASES = ("rest", "rest and train", "train")


@dataclass(frozen=True)
class Protocol:
    """A rule that splits a data set.

    Where images have several labels, classes take turns in their order, and an image counts for the
    class that draws it alone: one that has been drawn is not drawn again. So queries and training
    images are as many as with one label each, and show some classes more often than others.

    Attributes:
      query_per_class: queries drawn from each class of all images; None takes the official test
        part as queries and the official training part for training.
      train_per_class: training images drawn from each class; None with `query_per_class` None.
      database: `"rest"` (neither query nor training), `"rest and train"`, or `"train"`.
      counts: how many images train, ask and are searched; checked when a split is built.
      map_at: k of mAP@k; None ranks the whole database.
    """

    query_per_class: int | None
    train_per_class: int | None
    database: str
    counts: tuple[int, int, int]
    map_at: int | None = None


class Split(NamedTuple):
    """Positions in the pool of images: `train`, `query`, `database`, and what they amount to.

    `database` is shuffled once by the seed, so that order among equal distances favours no class.
    `checksum` is the SHA-256 of the ids in order, cut to 16 hexadecimal digits.
    """

    train: np.ndarray
    query: np.ndarray
    database: np.ndarray
    checksum: str

    def __str__(self) -> str:
        """Returns the line that a run prints of its split."""
        return (
            f"{len(self.train):,} train, {len(self.query):,} query, "
            f"{len(self.database):,} database images, checksum {self.checksum}"
        )


def split(
    protocol: Protocol, labels: np.ndarray, parts: np.ndarray, ids: np.ndarray, seed: int
) -> Split:
    """Splits a pool of images; the same pool and seed give the same split for ever.

    Args:
      protocol: the rule.
      labels: [n l] 0 or 1.
      parts: [n] the official part of each image, "train" or "test".
      ids: [n] distinct names of the images.
      seed: of the draw and of the order of the database.

    Raises:
      UserError: the pool does not hold the images that the protocol counts on.
    """
    # RandomState's streams are frozen for ever, those of np.random.default_rng may change.
    random = np.random.RandomState(seed)
    if protocol.query_per_class is None:
        query, train = np.flatnonzero(parts == "test"), np.flatnonzero(parts == "train")
    else:
        query, train = _draw(protocol, labels, random)
    if protocol.database == "train":
        database = train
    else:
        taken = query if protocol.database == "rest and train" else np.union1d(query, train)
        database = np.setdiff1d(np.arange(len(ids)), taken)
    database = random.permutation(database)
    _check(protocol, train, query, database, ids)
    return Split(train, query, database, _checksum(ids, train, query, database))


def _draw(protocol: Protocol, labels: np.ndarray, random: np.random.RandomState):
    query, train = [], []
    left = np.ones(len(labels), bool)
    end = protocol.query_per_class + protocol.train_per_class
    for column in labels.T:
        members = random.permutation(np.flatnonzero((column > 0) & left))[:end]
        left[members] = False
        query.append(members[: protocol.query_per_class])
        train.append(members[protocol.query_per_class :])
    return np.concatenate(query), np.concatenate(train)


def _check(protocol: Protocol, train, query, database, ids) -> None:
    if len(np.unique(ids)) != len(ids):
        raise UserError("the data set names two images alike; prepare it again")
    found = (len(train), len(query), len(database))
    if found != protocol.counts:
        raise UserError(
            f"the data set gives {found} train, query and database images where the protocol "
            f"counts on {protocol.counts}; the copy is incomplete or another data set"
        )
    for name, other in (("training", train), ("database", database)):
        if np.intersect1d(query, other).size:
            raise UserError(f"the protocol puts queries among its {name} images")


def _checksum(ids: np.ndarray, *positions: np.ndarray) -> str:
    digest = hashlib.sha256()
    for group in positions:
        digest.update("\n".join(str(name) for name in ids[group]).encode() + b"\n\n")
    return digest.hexdigest()[:16]
