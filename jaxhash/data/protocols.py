"""Protocols: named, seeded and checked rules for the train, query and database splits."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxhash.errors import UserError

TRAIN, QUERY, DATABASE = "train", "test", "database"


@dataclass(frozen=True)
class Protocol:
    """A rule that splits a data set into train, query and database.

    Queries and training images are drawn from each class, from all images, or as a share of them;
    where the rule draws none, it takes the parts that the data set itself gives.

    Where images have several labels, classes draw in their order, and an image that one class has
    drawn is not drawn again by another. The splits are then as large as with one label an image,
    and show some classes more often than others.

    Attributes:
      query_per_class: queries drawn from each class of all images; None takes the part "test".
      train_per_class: training images drawn from each class of all images that are no query; None
        takes the part "train".
      database: `"rest"` (neither query nor training), `"rest and train"`, `"train"`, or `"listed"`
        (the part "database").
      counts: sizes of the train, query and database splits, checked when a split is built. None
        where they are not known beforehand, as of one's own images.
      map_at: k of mAP@k; None ranks the whole database.
      query_of_all, train_of_all: how many to draw from all images, whatever their classes.
      query_share: the share of all images to draw as queries, all others being for training; where
        the data set gives a part "test" its parts are taken instead.
      keyed: how `query_share` draws. An image is a query where a hash of its id, keyed by the seed,
        is below the share; all splits are in the order of such hashes. So an image that is added,
        renamed or removed moves no other, and the number of queries is the share on average; the
        lowest hash of all is always a query, and the highest never one. Otherwise one permutation
        of all images is drawn, which is another one as soon as their number changes.
      unseen: how many classes are left out of the training images, and stay in the query and
        database splits: the last ones, or where `unseen_drawn` those that the seed draws.
    """

    query_per_class: int | None
    train_per_class: int | None
    database: str
    counts: tuple[int, int, int] | None
    map_at: int | None = None
    query_of_all: int = 0
    train_of_all: int = 0
    query_share: float = 0.0
    keyed: bool = False
    unseen: int = 0
    unseen_drawn: bool = False


class Split(NamedTuple):
    """Positions of images in the pool, and their checksum.

    train: [n] images to train on.
    query: [q] of the test.
    database: [m] that queries search, shuffled once by the seed, so that order among equal
      distances favours no class.
    checksum: the first 16 hexadecimal digits of the SHA-256 of all ids in order.
    held_out: [h] training images that are not trained on, for `eval/held_out_map`.
    unseen: columns of the labels of the classes that no training image has, where the protocol
      leaves any out.
    """

    train: np.ndarray
    query: np.ndarray
    database: np.ndarray
    checksum: str
    held_out: np.ndarray = np.zeros(0, int)
    unseen: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Returns the line that a run prints of its split."""
        held_out = f"{len(self.held_out):,} held-out, " if len(self.held_out) else ""
        unseen = f"{len(self.unseen)} classes not trained on, " if self.unseen else ""
        return (
            f"{len(self.train):,} train, {held_out}{len(self.query):,} query, "
            f"{len(self.database):,} database images, {unseen}checksum {self.checksum}"
        )


def split(
    protocol: Protocol, labels: np.ndarray, parts: np.ndarray, ids: np.ndarray, seed: int
) -> Split:
    """Splits a pool of images; the same pool and seed always give the same split.

    Args:
      protocol: the rule.
      labels: [n l] 0 or 1.
      parts: [n] the part of each image that the data set itself gives: "train", "test",
        "database", two of them as in "train+database", or any other word for none.
      ids: [n] distinct names of the images.
      seed: of the draw and of the order of the database: `data.split_seed` of a config.

    Raises:
      UserError: the pool does not hold the images that the protocol needs.
    """
    # NumPy keeps RandomState's streams as they are; those of default_rng may change.
    random = np.random.RandomState(seed)
    roles = _roles(parts)
    if protocol.keyed and not roles[QUERY].any():
        query, train = _draw_keyed(protocol.query_share, ids, seed)
    else:
        query, train = _draw(protocol, labels, roles, random)
    if protocol.database == "listed" or (protocol.query_share and roles[DATABASE].any()):
        database = np.flatnonzero(roles[DATABASE])
    elif protocol.database == "train":
        database = train
    else:
        taken = query if protocol.database == "rest and train" else np.union1d(query, train)
        database = np.setdiff1d(np.arange(len(ids)), taken)
    unseen = _unseen(protocol, labels.shape[1], seed)
    train = train[~labels[train][:, unseen].any(axis=1)]
    if protocol.keyed:
        train, query, database = (_in_order(group, ids, seed) for group in (train, query, database))
    else:
        database = random.permutation(database)
    _check(protocol, train, query, database, ids)
    checksum = _checksum(ids, train, query, database)
    return Split(train, query, database, checksum, unseen=tuple(map(int, unseen)))


def hold_out(split: Split, amount: float, ids: np.ndarray, seed: int, keyed: bool = False) -> Split:
    """Takes images out of the train split, to measure on while training: for early stopping, say.

    Queries are never among them. The query and database splits stay as they are, so that results
    stay those of the protocol; the checksum changes, as there are fewer images to train on.

    Args:
      split: of a protocol.
      amount: how many images, or below 1 their share of the train split.
      ids: [n] names of all images.
      seed: of the draw.
      keyed: whether it is drawn by a hash of each id, see `Protocol`: a share is then one on
        average, and a number is of the images with the lowest hashes.

    Raises:
      UserError: nothing would be left on one side.

    >>> ids = np.arange(10)
    >>> whole = Split(ids[:6], ids[6:7], ids[7:], "")
    >>> part = hold_out(whole, 0.5, ids, seed=0)
    >>> len(part.train), len(part.held_out), sorted([*part.train, *part.held_out]) == [*range(6)]
    (3, 3, True)
    """
    if keyed:
        hashes = _hashes(ids[split.train], seed, b"held out")
        below = int((hashes < amount).sum())
        order = np.argsort(hashes, kind="stable")
    else:
        below = round(amount * len(split.train))
        order = np.random.RandomState([seed, 0x401D]).permutation(len(split.train))
    count = below if amount < 1 else round(amount)
    if not 0 < count < len(split.train):
        raise UserError(
            f"data.held_out={amount:g}: of {len(split.train):,} training images, expected at least "
            "one to be held out and one to be left"
        )
    drawn = order[:count]
    left = np.ones(len(split.train), bool)
    left[drawn] = False
    train, held_out = split.train[left], split.train[np.sort(drawn)]
    checksum = _checksum(ids, train, split.query, split.database, held_out)
    return split._replace(train=train, held_out=held_out, checksum=checksum)


def _roles(parts: np.ndarray) -> dict[str, np.ndarray]:
    """Returns a mask of images for each role; a part names one role, or several joined by +."""
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


def _unseen(protocol: Protocol, classes: int, seed: int) -> np.ndarray:
    """Returns the columns of the classes that are left out of training, in their order."""
    if not protocol.unseen_drawn:
        return np.arange(classes - protocol.unseen, classes)
    order = np.random.RandomState([seed, 0x5EE]).permutation(classes)
    return np.sort(order[: protocol.unseen])


def _draw_keyed(share: float, ids: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    hashes = _hashes(ids, seed, b"query")
    query = hashes < share
    query[hashes.argmin()] = True
    query[hashes.argmax()] = False  # a single image is for training, and is refused later
    return np.flatnonzero(query), np.flatnonzero(~query)


def _in_order(positions: np.ndarray, ids: np.ndarray, seed: int) -> np.ndarray:
    return positions[np.lexsort((ids[positions], _hashes(ids[positions], seed, b"order")))]


def _hashes(ids: np.ndarray, seed: int, use: bytes) -> np.ndarray:
    """Returns numbers from 0 to 1, [n] float64, each by the id alone: a BLAKE2b keyed by the seed.

    >>> _hashes(np.array(["cat/1.jpg", "cat/2.jpg"]), 0, b"query").round(3).tolist()
    [0.928, 0.687]
    """
    key = seed.to_bytes(8, "little")
    digests = (
        hashlib.blake2b(
            str(name).encode(errors="surrogateescape"), digest_size=8, key=key, person=use
        ).digest()
        for name in ids
    )
    return np.frombuffer(b"".join(digests), "<u8") / 2.0**64


def _check(protocol: Protocol, train, query, database, ids) -> None:
    if len(np.unique(ids)) != len(ids):
        raise UserError("two images of the data set have the same id; prepare it again")
    found = (len(train), len(query), len(database))
    if protocol.counts is None:
        if not all(found):
            raise UserError(
                f"the data set gives {found} train, query and database images; expected at least "
                "one of each"
            )
    elif found != protocol.counts:
        raise UserError(
            f"the data set gives {found} train, query and database images, the protocol has "
            f"{protocol.counts}; the copy is incomplete or of another data set"
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
