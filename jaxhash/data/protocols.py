"""Protocols: which images train, which ask, which are searched. Named, seeded and checked."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError

TRAIN, QUERY, DATABASE = "train", "test", "database"


@dataclass(frozen=True)
class Protocol:
    """A rule that splits a data set.

    What it draws, it draws in one of three ways. With nothing to draw, it takes the parts that the
    data set itself gives.

    Where images have several labels, classes take turns in their order, and an image counts for the
    class that draws it alone: one that has been drawn is not drawn again. So queries and training
    images are as many as with one label each, and show some classes more often than others.

    Attributes:
      query_per_class: queries drawn from each class of all images; None takes the part "test".
      train_per_class: training images drawn from each class of all images that are no query; None
        takes the part "train".
      database: `"rest"` (neither query nor training), `"rest and train"`, `"train"`, or `"listed"`
        (the part "database").
      counts: how many images train, ask and are searched; checked when a split is built. None where
        nobody can know, as of one's own images.
      map_at: k of mAP@k; None ranks the whole database.
      query_of_all, train_of_all: how many to draw from all images, whatever their classes.
      query_share: the share of all images to draw as queries, all others being for training; where
        the data set gives a part "test" its parts are taken instead.
    """

    query_per_class: int | None
    train_per_class: int | None
    database: str
    counts: tuple[int, int, int] | None
    map_at: int | None = None
    query_of_all: int = 0
    train_of_all: int = 0
    query_share: float = 0.0


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
      parts: [n] the part of each image that the data set itself gives: "train", "test",
        "database", two of them as in "train+database", or any other word for none.
      ids: [n] distinct names of the images.
      seed: of the draw and of the order of the database.

    Raises:
      UserError: the pool does not hold the images that the protocol counts on.
    """
    # RandomState's streams are frozen for ever, those of np.random.default_rng may change.
    random = np.random.RandomState(seed)
    roles = _roles(parts)
    query, train = _draw(protocol, labels, roles, random)
    if protocol.database == "listed" or (protocol.query_share and roles[DATABASE].any()):
        database = np.flatnonzero(roles[DATABASE])
    elif protocol.database == "train":
        database = train
    else:
        taken = query if protocol.database == "rest and train" else np.union1d(query, train)
        database = np.setdiff1d(np.arange(len(ids)), taken)
    database = random.permutation(database)
    _check(protocol, train, query, database, ids)
    return Split(train, query, database, _checksum(ids, train, query, database))


def _roles(parts: np.ndarray) -> dict[str, np.ndarray]:
    """Returns for each role the images that have it; a part is one role, or several with a +."""
    known, place = np.unique(parts, return_inverse=True)
    return {
        role: np.array([role in part.split("+") for part in known], bool)[place]
        for role in (TRAIN, QUERY, DATABASE)
    }


def _draw(protocol: Protocol, labels, roles, random) -> tuple[np.ndarray, np.ndarray]:
    given = roles[QUERY].any()
    if protocol.query_of_all or (protocol.query_share and not given):
        order = random.permutation(len(labels))
        queries = protocol.query_of_all or max(1, round(protocol.query_share * len(labels)))
        end = queries + protocol.train_of_all if protocol.train_of_all else len(labels)
        return order[:queries], order[queries:end]
    query, train = [], []
    queries = protocol.query_per_class or 0
    left = np.ones(len(labels), bool)
    if protocol.query_per_class is None:
        query = [np.flatnonzero(roles[QUERY])]
        left[query[0]] = False
    if protocol.train_per_class is None:
        return query[0], np.flatnonzero(roles[TRAIN])
    end = queries + protocol.train_per_class
    for column in labels.T:
        members = random.permutation(np.flatnonzero((column > 0) & left))[:end]
        left[members] = False
        query.append(members[:queries])
        train.append(members[queries:])
    return np.concatenate(query), np.concatenate(train)


def _check(protocol: Protocol, train, query, database, ids) -> None:
    if len(np.unique(ids)) != len(ids):
        raise UserError("the data set names two images alike; prepare it again")
    found = (len(train), len(query), len(database))
    if protocol.counts is None:
        if not all(found):
            raise UserError(
                f"the data set gives {found} train, query and database images; each is expected "
                "to have some"
            )
    elif found != protocol.counts:
        raise UserError(
            f"the data set gives {found} train, query and database images where the protocol "
            f"counts on {protocol.counts}; the copy is incomplete or another data set"
        )
    for name, other in (("training", train), ("database", database)):
        shared = np.intersect1d(query, other)
        if shared.size:
            raise UserError(
                f"the protocol puts {shared.size} queries among its {name} images, such as "
                f"{ids[shared[0]]}"
            )


def _checksum(ids: np.ndarray, *positions: np.ndarray) -> str:
    digest = hashlib.sha256()
    for group in positions:
        digest.update("\n".join(str(name) for name in ids[group]).encode() + b"\n\n")
    return digest.hexdigest()[:16]
