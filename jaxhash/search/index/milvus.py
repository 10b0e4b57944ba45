"""The index for a cluster: a collection in Milvus, searched by exact scans on its nodes."""

import base64
import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhash.errors import UserError
from jaxhash.metrics import hamming
from jaxhash.search.index.interface import (
    NONE_YET,
    OWN,
    Hit,
    Item,
    check_identity,
    checked,
    checked_queries,
    possible,
)

TOKEN = "JAXHASH_MILVUS_TOKEN"  # environment variable with user:password or an API key
MAX_HITS = 16_384  # of Milvus, for one query
NOTES = "_notes"  # after the name of a collection, that of the one with its notes
FEATURES = OWN + "features"  # in the metadata: an item's features, base64
SPARE = 64  # further neighbours that are searched, to find the end of ties at the k-th distance
ROWS = 5_000  # in one call, of at most 64 MiB
CONNECT_SECONDS, CALL_SECONDS = 5, 20
# At Milvus's level "Bounded" a read may miss writes of the last 5 seconds. For a little longer than
# that after opening, and after a write by this client, reads use "Strong", which misses nothing and
# takes 0.2 s. "Session" is not enough: with server 2.3.5 a read missed a deletion just before it.
SETTLED_SECONDS = 6


class Milvus:
    """An index in a collection of Milvus; see `jaxhash.search.index.interface.Index`.

    A change is in the cluster's log when the call returns. A large one is sent in batches, so a
    client that is killed may leave the first of them. Milvus does not define an order among ties;
    where it matters they are searched again, by id.
    """

    def __init__(self, host: str, collection: str, bits: int, model: str, create: bool = True):
        """Connects to `host`, "name:port", and opens the collection, or creates one.

        Raises:
          UserError: no server responds, there is no collection and `create` is false, or it holds
            codes of other bits or another model, or is not one of this package.
        """
        self.bits, self.model = bits, model
        self._where, self._collection = f"milvus://{host}/{collection}", collection
        self._unsettled = time.monotonic()
        pymilvus = _pymilvus()
        self._failures = (pymilvus.MilvusException, ConnectionError, TimeoutError)
        with self._one_line():
            self._client = pymilvus.MilvusClient(
                f"http://{host}", token=os.environ.get(TOKEN, ""), timeout=CONNECT_SECONDS
            )
            try:
                self._claim(pymilvus.DataType, create)
            except BaseException:
                self._client.close()
                raise

    def add(self, items: Sequence[Item]) -> None:
        """Adds items; one with the id of a stored item replaces it."""
        items = checked(items, self.bits)
        for piece in _pieces(items, ROWS):
            rows = [
                {"id": item.id, "code": item.code.tobytes(), "metadata": _metadata(item)}
                for item in piece
            ]
            self._write("upsert", data=rows)

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes items by id; returns how many were deleted."""
        there = [item.id for item in self.get(list(dict.fromkeys(ids))) if item]
        for piece in _pieces(there, ROWS):
            self._write("delete", filter=_among(piece))  # its `ids` are not quoted
        return len(there)

    def get(self, ids: Sequence[str]) -> list[Item | None]:
        """Returns items by id, None for an id that is not stored."""
        found = self._rows(ids)
        return [_item(found[id]) if id in found else None for id in ids]

    def features(self, ids: Sequence[str]) -> list[np.ndarray | None]:
        """Returns the features of items, int8 [d]; None for one without, or not stored."""
        found = self._rows(ids)
        texts = [found[id]["metadata"].get(FEATURES) if id in found else None for id in ids]
        return [t if t is None else np.frombuffer(base64.b64decode(t), np.int8) for t in texts]

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        if k <= 0:
            return [[] for _ in codes]
        if k > MAX_HITS:
            return [sorted(self._walk(code, self.bits, where), key=_rank)[:k] for code in codes]
        wide = min(k + SPARE, MAX_HITS)
        found = self._search(codes, wide, where)
        for code, hits in zip(codes, found, strict=True):
            if len(hits) == wide and hits[-1].distance == hits[k - 1].distance:
                last = hits[-1].distance
                nearer = [hit for hit in hits if hit.distance < last]
                hits[:] = nearer + self._first_at(code, last, k - len(nearer), where)
        return [hits[:k] for hits in found]

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items within `radius` bits of each query, codes uint8 [q ceil(bits/8)]."""
        codes = checked_queries(codes, self.bits)
        if radius < 0:
            return [[] for _ in codes]
        radius = min(radius, self.bits)
        found = self._search(codes, MAX_HITS, where, {"radius": radius + 1})
        return [
            hits if len(hits) < MAX_HITS else sorted(self._walk(code, radius, where), key=_rank)
            for code, hits in zip(codes, found, strict=True)
        ]

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists up to `limit` items in the order of their ids, from the first one after `after`."""
        found: list[Item] = []
        while len(found) < limit:
            asked = min(limit - len(found), ROWS)
            both = " and ".join(filter(None, [f"id > {_quoted(after)}", _filter(where)]))
            rows = self._read("query", filter=both, limit=asked, output_fields=["*"])
            found += sorted(map(_item, rows), key=lambda item: item.id)
            if len(rows) < asked:
                break
            after = found[-1].id
        return found

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""
        rows = self._read("query", filter=_filter(where), output_fields=["count(*)"])
        return rows[0]["count(*)"]

    def notes(self) -> dict[str, str]:
        """Returns the notes on the index: texts by title."""
        with self._one_line():
            if not self._client.has_collection(self._collection + NOTES):
                return {}
            rows = self._client.query(
                self._collection + NOTES,
                filter='title != ""',
                output_fields=["title", "text"],
                consistency_level="Strong",
                timeout=CALL_SECONDS,
            )
        return {row["title"]: row["text"] for row in rows}

    def note(self, title: str, text: str | None, before: str | None) -> bool:
        """Writes a note, or deletes it where `text` is None; False where it is not as `before`."""
        if self.notes().get(title) != before:
            return False
        name, kinds = self._collection + NOTES, _pymilvus().DataType
        with self._one_line():
            if not self._client.has_collection(name):
                schema = self._client.create_schema(auto_id=False)
                schema.add_field("title", kinds.VARCHAR, is_primary=True, max_length=512)
                schema.add_field("text", kinds.VARCHAR, max_length=65_535)
                schema.add_field("code", kinds.BINARY_VECTOR, dim=8)  # Milvus requires a vector
                scan = self._client.prepare_index_params()
                scan.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
                self._client.create_collection(name, schema=schema, index_params=scan)
            if text is None:
                matching = f"title == {_quoted(title)}"
                self._client.delete(name, filter=matching, timeout=CALL_SECONDS)
            else:
                row = {"title": title, "text": text, "code": b"\0"}
                self._client.upsert(name, data=[row], timeout=CALL_SECONDS)
        return True

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _claim(self, kinds, create: bool) -> None:
        """Creates the collection with bits and model of its codes, or checks an existing one.

        One that a killed client left without its search index gets it.
        """
        client, name = self._client, self._collection
        ours = {"bits": str(self.bits), "model": self.model}
        if not client.has_collection(name):
            if not create:
                raise UserError(f"{self._where}: {NONE_YET}")
            description = json.dumps({"jaxhash": ours})
            schema = client.create_schema(auto_id=False, description=description)
            schema.add_field("id", kinds.VARCHAR, is_primary=True, max_length=2048)
            schema.add_field("code", kinds.BINARY_VECTOR, dim=-(-self.bits // 8) * 8)
            schema.add_field("metadata", kinds.JSON)
            client.create_collection(name, schema=schema)
        try:
            stored = json.loads(client.describe_collection(name)["description"])["jaxhash"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self._where}: a collection of another program") from None
        check_identity(self._where, stored, ours)
        if not client.list_indexes(name):
            scan = client.prepare_index_params()
            scan.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
            client.create_index(name, scan)
        client.load_collection(name)

    def _search(
        self,
        codes: np.ndarray,
        limit: int,
        where: Mapping[str, str] | None,
        bounds: dict | None = None,
    ) -> list[list[Hit]]:
        """Finds up to `limit` hits of each query, sorted; Milvus selects among ties at the end."""
        found = []
        for piece in _pieces(codes, max(1, MAX_HITS // limit)):
            answers = self._read(
                "search",
                data=[code.tobytes() for code in piece],
                anns_field="code",
                filter=_filter(where),
                limit=limit,
                output_fields=["id", "code", "metadata"],
                search_params={"metric_type": "HAMMING", "params": bounds or {}},
            )
            for answer in answers:
                hits = [Hit(round(hit["distance"]), _item(hit["entity"])) for hit in answer]
                found.append(sorted(hits, key=_rank))
        return found

    def _first_at(
        self, code: np.ndarray, distance: int, count: int, where: Mapping[str, str] | None
    ) -> list[Hit]:
        """Finds the first `count` items, by id, at a distance in bits."""
        ring = {"radius": distance + 1, "range_filter": distance}
        [hits] = self._search(code[None], MAX_HITS, where, ring)
        if len(hits) < MAX_HITS:
            return hits[:count]
        found = []
        for hit in self._walk(code, distance, where):
            found += [hit] if hit.distance == distance else []
            if len(found) == count:
                break
        return found

    def _rows(self, ids: Sequence[str]) -> dict[str, dict]:
        """Reads what is stored of some items, by id."""
        found: dict[str, dict] = {}
        for piece in _pieces([id for id in dict.fromkeys(ids) if possible(id)], ROWS):
            rows = self._read("query", filter=_among(piece), output_fields=["*"])
            found |= {row["id"]: row for row in rows}
        return found

    def _walk(
        self, code: np.ndarray, radius: int, where: Mapping[str, str] | None
    ) -> Iterator[Hit]:
        """Compares all items in the order of ids, where there are more hits than Milvus returns."""
        after = ""
        while page := self.items(after, ROWS, where):
            distances = hamming.distances(code[None], np.stack([item.code for item in page]))[0]
            for distance, item in zip(distances.tolist(), page, strict=True):
                if distance <= radius:
                    yield Hit(distance, item)
            after = page[-1].id

    def _read(self, call: str, **arguments):
        settled = time.monotonic() - self._unsettled > SETTLED_SECONDS
        level = "Bounded" if settled else "Strong"
        return self._call(call, consistency_level=level, **arguments)

    def _write(self, call: str, **arguments) -> None:
        try:
            self._call(call, **arguments)
        finally:
            self._unsettled = time.monotonic()

    def _call(self, call: str, **arguments):
        with self._one_line():
            return getattr(self._client, call)(self._collection, timeout=CALL_SECONDS, **arguments)

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            reason = " ".join(str(getattr(error, "message", error)).split())[:200]
            raise UserError(f"index {self._where}: {reason}") from error


def _filter(where: Mapping[str, str] | None) -> str:
    pairs = (where or {}).items()
    return " and ".join(f"metadata[{_quoted(name)}] == {_quoted(value)}" for name, value in pairs)


def _among(ids: Sequence[str]) -> str:
    return f"id in [{', '.join(map(_quoted, ids))}]"


def _quoted(text: str) -> str:
    """Quotes a string in Milvus's expressions, which have JSON's escapes but no surrogates.

    >>> print(_quoted('a "b" ' + chr(92)))
    "a \\"b\\" \\\\"
    """
    return json.dumps(text, ensure_ascii=False)


def _item(row: Mapping) -> Item:
    code = row["code"]
    code = code[0] if isinstance(code, list) else code
    metadata = {name: value for name, value in row["metadata"].items() if name != FEATURES}
    return Item(row["id"], np.frombuffer(code, np.uint8), metadata)


def _metadata(item: Item) -> dict[str, str]:
    if item.features is None:
        return dict(item.metadata)
    return {**item.metadata, FEATURES: base64.b64encode(item.features.tobytes()).decode()}


def _rank(hit: Hit) -> tuple[int, str]:
    return hit.distance, hit.item.id


def _pieces(things: Any, size: int) -> Iterator[Any]:
    return (things[start : start + size] for start in range(0, len(things), size))


def _pymilvus():
    try:
        import pymilvus  # noqa: PLC0415  an extra
    except ImportError:
        raise UserError(
            "a Milvus index needs its client, which is not installed: pip install 'jaxhash[milvus]'"
        ) from None
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs what it raises as well
    return pymilvus
