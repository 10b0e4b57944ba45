"""The index for one machine: SQLite stores codes and metadata, FAISS searches."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxhash.search.index.database import Database
from jaxhash.search.index.interface import Hit, Item, checked, checked_queries, possible
from jaxhash.search.index.opening import Opened
from jaxhash.search.index.rows import Rows
from jaxhash.search.index.scan import Scan
from jaxhash.search.index.tables import FILE, GENERATION

LOGGED = 10_000  # changes that a reader applies one by one; after more it reads all again
NOTES = "create table if not exists note (title text primary key, text text not null) without rowid"
# Apart from the items, since few indexes have them, and no search reads them all.
FEATURES = "create table if not exists feature (id text primary key, vector blob not null)"


class Embedded:
    """An index in a folder; see `jaxhash.search.index.interface.Index`.

    A call that changes it is one transaction: on disk when it returns, and without effect if it is
    killed before. Searches run on a copy in memory, which is updated from the file at the next
    query, whichever process changed it. Several threads may use one object: they read one at a
    time, and a write of one delays no read of another. An index that may not be written can be
    searched.
    """

    def __init__(self, folder: Path, bits: int, model: str, create: bool = True):
        """Opens the index in `folder`, without a write where there is one, or creates one.

        Raises:
          UserError: there is none and `create` is false, it is not readable, it is not writable and
            `create` is true, or it holds codes of other bits or another model.
        """
        self.bits, self.model = bits, model
        self._file = Database(folder / FILE, {"bits": str(bits), "model": model}, create)
        self._rows: Rows | None = None
        self._seen = -1
        # Of what the rows were read: the open file, and the generation of its content.
        self._source: tuple[Opened | None, str | None] = (None, None)

    def add(self, items: Sequence[Item]) -> None:
        """Adds items; one with the id of a stored item replaces it."""
        items = checked(items, self.bits)
        records = [
            (item.id, item.code.tobytes(), json.dumps(dict(item.metadata))) for item in items
        ]
        with self._file.writing() as db:
            db.executemany("insert or replace into item values (?, ?, ?)", records)
            _keep_features(db, items)
            self._log(db, [item.id for item in items])

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes items by id; returns how many were deleted."""
        ids = sorted({id for id in ids if possible(id)})
        with self._file.writing() as db:
            count = db.execute(
                "delete from item where id in (select value from json_each(?))", [json.dumps(ids)]
            ).rowcount
            _delete_features(db, ids)
            self._log(db, ids)
        return count

    def get(self, ids: Sequence[str]) -> list[Item | None]:
        """Returns items by id, None for an id that is not stored."""
        with self._file.reading() as file:
            found = _read(file.db, ids)
        return [found.get(id) for id in ids]

    def features(self, ids: Sequence[str]) -> list[np.ndarray | None]:
        """Returns the features of items, int8 [d]; None for one without, or not stored."""
        with self._file.reading() as file:
            if not _has(file.db, "feature"):
                return [None] * len(ids)
            query = "select * from feature where id in (select value from json_each(?))"
            asked = json.dumps([id for id in ids if possible(id)])
            found = {id: np.frombuffer(v, np.int8) for id, v in file.db.execute(query, [asked])}
        return [found.get(id) for id in ids]

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        with self._file.reading() as file:
            scan, rows = self._chosen(file, where)
            distance, row = scan.nearest(codes, max(k, 0))
            return _hits(file.db, zip(distance, rows[row], strict=True))

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items within `radius` bits of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        with self._file.reading() as file:
            scan, rows = self._chosen(file, where)
            return _hits(file.db, ((near, rows[row]) for near, row in scan.within(codes, radius)))

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items in the order of their ids, from the first one after `after`."""
        with self._file.reading() as file:
            if not where:
                found = file.db.execute(
                    "select * from item where id > ? order by id limit ?", [after, limit]
                )
                return [_item(*record) for record in found]
            ids = self._current(file).ids[self._matching(file, where)]
            start = np.searchsorted(ids, after, side="right")
            return list(_read(file.db, ids[start : start + limit].tolist()).values())

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""
        with self._file.reading() as file:
            if where:
                return len(self._matching(file, where))
            return file.db.execute("select count(*) from item").fetchone()[0]

    def notes(self) -> dict[str, str]:
        """Returns the notes on the index: texts by title."""
        with self._file.reading() as file:
            # An index of an earlier version has none.
            if not _has(file.db, "note"):
                return {}
            return dict(file.db.execute("select title, text from note"))

    def note(self, title: str, text: str | None, before: str | None) -> bool:
        """Writes a note, or deletes it where `text` is None; False where it is not as `before`."""
        with self._file.writing() as db:
            db.execute(NOTES)
            found = db.execute("select text from note where title = ?", [title]).fetchone()
            if (found[0] if found else None) != before:
                return False
            if text is None:
                db.execute("delete from note where title = ?", [title])
            else:
                db.execute("insert or replace into note values (?, ?)", [title, text])
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _log(self, db: sqlite3.Connection, ids: list[str]) -> None:
        """Logs which ids changed, for readers; of very many, only that a reader must read all."""
        noted = [(id,) for id in ids] if len(ids) < LOGGED else [("",), ("",)]
        db.executemany("insert into change (id) values (?)", noted)
        last = db.execute("select max(number) from change").fetchone()[0] or 0
        first = last - LOGGED if len(ids) < LOGGED else last - 1
        db.execute("delete from change where number <= ?", [first])

    def _current(self, file: Opened) -> Rows:
        """Updates the copy in memory to the state of the file in this transaction."""
        query = "select min(number), max(number), (select value from setting where name = ?)"
        first, last, generation = file.db.execute(f"{query} from change", [GENERATION]).fetchone()
        last = last or 0
        new = self._source[0] is not file or self._source[1] != generation or last < self._seen
        if self._rows is None or new or (last > self._seen and first > self._seen + 1):
            pairs = file.db.execute("select id, code from item order by id").fetchall()
            self._rows = Rows.of(pairs, -(-self.bits // 8))
        elif last > self._seen:
            query = "select distinct id from change where number > ?"
            ids = [id for (id,) in file.db.execute(query, [self._seen])]
            self._rows = self._rows.changed(ids, list(_read(file.db, ids).values()))
        self._seen, self._source = last, (file, generation)
        return self._rows

    def _matching(self, file: Opened, where: Mapping[str, str]) -> np.ndarray:
        def read() -> Iterator[str]:
            query = "select metadata from item order by id"
            return (text for (text,) in file.db.execute(query))

        return self._current(file).where(where, read)

    def _chosen(self, file: Opened, where: Mapping[str, str] | None) -> tuple[Scan, np.ndarray]:
        """Returns a scan over the selected items, and the ids of its rows."""
        current = self._current(file)
        if not where:
            return current.scan(), current.ids
        rows = self._matching(file, where)
        return Scan(current.codes[rows]), current.ids[rows]


def _has(db: sqlite3.Connection, table: str) -> bool:
    query = "select count(*) from sqlite_master where type = 'table' and name = ?"
    return bool(db.execute(query, [table]).fetchone()[0])


def _keep_features(db: sqlite3.Connection, items: Sequence[Item]) -> None:
    given = [(item.id, item.features.tobytes()) for item in items if item.features is not None]
    if len(given) < len(items):
        _delete_features(db, [item.id for item in items if item.features is None])
    if given:
        db.execute(FEATURES)
        db.executemany("insert or replace into feature values (?, ?)", given)


def _delete_features(db: sqlite3.Connection, ids: Sequence[str]) -> None:
    if _has(db, "feature"):
        query = "delete from feature where id in (select value from json_each(?))"
        db.execute(query, [json.dumps(ids)])


def _read(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Item]:
    possible_ids = json.dumps([id for id in ids if possible(id)])
    query = "select * from item where id in (select value from json_each(?)) order by id"
    return {record[0]: _item(*record) for record in db.execute(query, [possible_ids])}


def _hits(
    db: sqlite3.Connection, found: Iterable[tuple[np.ndarray, np.ndarray]]
) -> list[list[Hit]]:
    pairs = [(distance.tolist(), ids.tolist()) for distance, ids in found]
    items = _read(db, list({id for _, ids in pairs for id in ids}))
    return [[Hit(d, items[id]) for d, id in zip(*pair, strict=True)] for pair in pairs]


def _item(id: str, code: bytes, metadata: str) -> Item:
    return Item(id, np.frombuffer(code, np.uint8), json.loads(metadata))
