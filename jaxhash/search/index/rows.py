"""The copy of an index in memory that is searched: ids, codes, and metadata used by filters."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from jaxhash.search.index.interface import Item
from jaxhash.search.index.scan import Scan


class Rows:
    """Items in the order of their ids; immutable, so that a change does not disturb a search.

    Attributes:
      ids: object [n], strings in ascending order.
      codes: uint8 [n bytes].
    """

    def __init__(self, ids: np.ndarray, codes: np.ndarray, columns: dict[str, "_Column"]):
        """Takes ids (object [n]), codes (uint8 [n bytes]) and columns of metadata read so far."""
        self.ids, self.codes = ids, codes
        self._columns = columns
        self._scan: Scan | None = None

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, bytes]], size: int) -> "Rows":
        """Creates rows from pairs of an id and a code of `size` bytes, in the order of ids."""
        codes = np.frombuffer(b"".join(code for _, code in pairs), np.uint8).reshape(-1, size)
        return cls(_texts([id for id, _ in pairs]), codes, {})

    def scan(self) -> Scan:
        """Returns a scan over all rows, created at the first call."""
        if self._scan is None:
            self._scan = Scan(self.codes)
        return self._scan

    def where(self, where: Mapping[str, str], read: Callable[[], Iterable[str]]) -> np.ndarray:
        """Finds the rows whose metadata has all the given values.

        Args:
          where: values by name.
          read: returns the metadata of all rows as JSON, in order; called for a name that no filter
            had before.

        Returns:
          int64 [hits] rows, ascending.
        """
        new = [name for name in where if name not in self._columns]
        if new:
            metadata = [json.loads(text) for text in read()]
            for name in new:
                self._columns[name] = _Column.of(item.get(name) for item in metadata)
        mask = np.ones(len(self.ids), bool)
        for name, value in where.items():
            mask &= self._columns[name].equals(value)
        return np.flatnonzero(mask)

    def changed(self, gone: Sequence[str], items: Sequence[Item]) -> "Rows":
        """Returns rows without the ids `gone`, and with `items` added or replaced.

        >>> rows = Rows.of([("a", b"1"), ("c", b"2")], 1)
        >>> items = [Item("b", np.array([51], np.uint8), {})]
        >>> rows.changed(["c"], items).ids.tolist()
        ['a', 'b']
        """
        items = sorted(items, key=lambda item: item.id)
        names = _texts(sorted({*gone, *(item.id for item in items)}))
        at = np.searchsorted(self.ids, names)
        there = at < len(self.ids)
        there[there] = self.ids[at[there]] == names[there]
        keep = np.ones(len(self.ids), bool)
        keep[at[there]] = False
        ids, new = self.ids[keep], _texts([item.id for item in items])
        at = np.searchsorted(ids, new)
        codes = self.codes[keep]
        if items:
            codes = np.insert(codes, at, np.stack([item.code for item in items]), axis=0)
        columns = {
            name: column.changed(keep, at, [item.metadata.get(name) for item in items])
            for name, column in self._columns.items()
        }
        return Rows(np.insert(ids, at, new), codes, columns)


class _Column:
    """The values of one name of the metadata, numbered; -1 where an item has none."""

    def __init__(self, numbers: np.ndarray, known: dict[str, int]):
        self._numbers, self._known = numbers, known

    @classmethod
    def of(cls, values: Iterable[str | None]) -> "_Column":
        known: dict[str, int] = {}
        return cls(np.array([_number(value, known) for value in values], np.int32), known)

    def equals(self, value: str) -> np.ndarray:
        return self._numbers == self._known.get(value, -2)

    def changed(self, keep: np.ndarray, at: np.ndarray, values: list[str | None]) -> "_Column":
        new = np.array([_number(value, self._known) for value in values], np.int32)
        return _Column(np.insert(self._numbers[keep], at, new), self._known)


def _number(value: str | None, known: dict[str, int]) -> int:
    return -1 if value is None else known.setdefault(value, len(known))


def _texts(texts: list[str]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
