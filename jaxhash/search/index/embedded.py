"""The index for one machine: SQLite stores codes and metadata, FAISS searches."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxhash.errors import UserError
from jaxhash.search.index.interface import (
    Hit,
    Item,
    check_identity,
    checked,
    checked_queries,
    possible,
)
from jaxhash.search.index.rows import Rows
from jaxhash.search.index.scan import Scan

FILE = "codes.sqlite"
LOGGED = 10_000  # changes that a reader applies one by one; after more it reads all again
SCHEMA = """
create table if not exists setting (name text primary key, value text not null) without rowid;
create table if not exists item (
    id text primary key, code blob not null, metadata text not null
) without rowid;
create table if not exists change (number integer primary key autoincrement, id text not null);
create table if not exists note (title text primary key, text text not null) without rowid;
"""


class Embedded:
    """An index in a folder; see `jaxhash.search.index.interface.Index`.

    A call that changes it is one transaction: on disk when it returns, and without effect if it is
    killed before. Searches run on a copy in memory, which is updated from the file at the next
    query, whichever process changed it. Several threads may use one object; a lock serialises
    them.
    """

    def __init__(self, folder: Path, bits: int, model: str, create: bool = True):
        """Opens the index in `folder`, or creates one.

        Raises:
          UserError: there is none and `create` is false, it is not readable, or it holds codes of
            other bits or another model.
        """
        self.bits, self.model = bits, model
        self._path = folder / FILE
        self._lock = threading.RLock()
        self._rows: Rows | None = None
        self._seen = -1
        if not create and not self._path.exists():
            raise UserError(
                f"{folder}: no index yet; make one with python -m jaxhash.search index --images=..."
            )
        with self._one_line():
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.execute("pragma journal_mode=wal")
                self._db.execute("pragma synchronous=full")
                self._claim(folder)
            except BaseException:
                self._db.close()
                raise

    def add(self, items: Sequence[Item]) -> None:
        """Adds items; one with the id of a stored item replaces it."""
        items = checked(items, self.bits)
        records = [
            (item.id, item.code.tobytes(), json.dumps(dict(item.metadata))) for item in items
        ]
        with self._transaction("immediate"):
            self._db.executemany("insert or replace into item values (?, ?, ?)", records)
            self._log([item.id for item in items])

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes items by id; returns how many were deleted."""
        ids = sorted({id for id in ids if possible(id)})
        with self._transaction("immediate"):
            count = self._db.execute(
                "delete from item where id in (select value from json_each(?))", [json.dumps(ids)]
            ).rowcount
            self._log(ids)
        return count

    def get(self, ids: Sequence[str]) -> list[Item | None]:
        """Returns items by id, None for an id that is not stored."""
        with self._transaction():
            found = self._read(ids)
        return [found.get(id) for id in ids]

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        with self._transaction():
            scan, rows = self._chosen(where)
            distance, row = scan.nearest(codes, max(k, 0))
            return self._hits(zip(distance, rows[row], strict=True))

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items within `radius` bits of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        with self._transaction():
            scan, rows = self._chosen(where)
            return self._hits((near, rows[row]) for near, row in scan.within(codes, radius))

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items in the order of their ids, from the first one after `after`."""
        with self._transaction():
            if not where:
                found = self._db.execute(
                    "select * from item where id > ? order by id limit ?", [after, limit]
                )
                return [_item(*record) for record in found]
            ids = self._current().ids[self._matching(where)]
            start = np.searchsorted(ids, after, side="right")
            return list(self._read(ids[start : start + limit].tolist()).values())

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""
        with self._transaction():
            if where:
                return len(self._matching(where))
            return self._db.execute("select count(*) from item").fetchone()[0]

    def notes(self) -> dict[str, str]:
        """Returns the notes on the index: texts by title."""
        with self._transaction():
            # An index of an earlier version has none.
            query = "select count(*) from sqlite_master where type = 'table' and name = 'note'"
            if not self._db.execute(query).fetchone()[0]:
                return {}
            return dict(self._db.execute("select title, text from note"))

    def note(self, title: str, text: str | None, before: str | None) -> bool:
        """Writes a note, or deletes it where `text` is None; False where it is not as `before`."""
        with self._transaction("immediate"):
            found = self._db.execute("select text from note where title = ?", [title]).fetchone()
            if (found[0] if found else None) != before:
                return False
            if text is None:
                self._db.execute("delete from note where title = ?", [title])
            else:
                self._db.execute("insert or replace into note values (?, ?)", [title, text])
        return True

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _claim(self, folder: Path) -> None:
        """Creates the tables with bits and model of the codes, or checks those of existing ones."""
        ours = {"bits": str(self.bits), "model": self.model}
        self._db.executescript("begin immediate;" + SCHEMA + "commit;")
        with self._transaction("immediate"):
            query = "select name, value from setting"
            stored = dict(self._db.execute(query))
            if not stored:
                self._db.executemany("insert into setting values (?, ?)", ours.items())
        check_identity(str(folder), stored or ours, ours)

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise UserError(f"index {self._path}: {error}") from error

    @contextlib.contextmanager
    def _transaction(self, kind: str = "deferred") -> Iterator[None]:
        """A transaction: committed at the end, rolled back by an exception."""
        with self._lock, self._one_line():
            self._db.execute(f"begin {kind}")
            try:
                yield
                self._db.execute("commit")
            finally:
                if self._db.in_transaction:
                    self._db.execute("rollback")

    def _log(self, ids: list[str]) -> None:
        """Logs which ids changed, for readers; of very many, only that a reader must read all."""
        noted = [(id,) for id in ids] if len(ids) < LOGGED else [("",), ("",)]
        self._db.executemany("insert into change (id) values (?)", noted)
        last = self._db.execute("select max(number) from change").fetchone()[0] or 0
        first = last - LOGGED if len(ids) < LOGGED else last - 1
        self._db.execute("delete from change where number <= ?", [first])

    def _current(self) -> Rows:
        """Updates the copy in memory to the state of the file in this transaction."""
        first, last = self._db.execute("select min(number), max(number) from change").fetchone()
        last = last or 0
        if self._rows is None or (last > self._seen and first > self._seen + 1):
            pairs = self._db.execute("select id, code from item order by id").fetchall()
            self._rows = Rows.of(pairs, -(-self.bits // 8))
        elif last > self._seen:
            query = "select distinct id from change where number > ?"
            ids = [id for (id,) in self._db.execute(query, [self._seen])]
            self._rows = self._rows.changed(ids, list(self._read(ids).values()))
        self._seen = last
        return self._rows

    def _matching(self, where: Mapping[str, str]) -> np.ndarray:
        def read() -> Iterator[str]:
            query = "select metadata from item order by id"
            return (text for (text,) in self._db.execute(query))

        return self._current().where(where, read)

    def _chosen(self, where: Mapping[str, str] | None) -> tuple[Scan, np.ndarray]:
        """Returns a scan over the selected items, and the ids of its rows."""
        current = self._current()
        if not where:
            return current.scan(), current.ids
        rows = self._matching(where)
        return Scan(current.codes[rows]), current.ids[rows]

    def _read(self, ids: Sequence[str]) -> dict[str, Item]:
        possible_ids = json.dumps([id for id in ids if possible(id)])
        query = "select * from item where id in (select value from json_each(?)) order by id"
        return {record[0]: _item(*record) for record in self._db.execute(query, [possible_ids])}

    def _hits(self, found: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[list[Hit]]:
        pairs = [(distance.tolist(), ids.tolist()) for distance, ids in found]
        items = self._read(list({id for _, ids in pairs for id in ids}))
        return [[Hit(d, items[id]) for d, id in zip(*pair, strict=True)] for pair in pairs]


def _item(id: str, code: bytes, metadata: str) -> Item:
    return Item(id, np.frombuffer(code, np.uint8), json.loads(metadata))
