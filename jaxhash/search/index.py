"""What every search engine here offers: codes with metadata, found by Hamming distance."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Item(NamedTuple):
    """One image of a collection.

    id: its name, unique in the index, at most 512 characters.
    code: uint8 [ceil(k/8)], bits packed most significant first.
    metadata: names to texts, for example {"label": "cat"}; filters look at it.
    """

    id: str
    code: np.ndarray
    metadata: Mapping[str, str]


class Hit(NamedTuple):
    """An item that a query found, and how many bits differ."""

    distance: int
    item: Item


class Index(Protocol):
    """Codes of k bits, durable when a call that changes them returns.

    Hits are in order of distance, and of id among equal distances. `where` keeps to items whose
    metadata has all the given values.

    Attributes:
      bits: k.
      model: identifies the network that the codes come from; another's codes mean nothing here.
    """

    bits: int
    model: str

    def add(self, items: Sequence[Item]) -> None:
        """Adds items; one whose id is there already takes its place."""

    def delete(self, ids: Sequence[str]) -> int:
        """Deletes items by id; returns how many there were."""

    def get(self, ids: Sequence[str]) -> list[Item | None]:
        """Returns items by id, None for those that are not there."""

    def nearest(
        self, codes: np.ndarray, k: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds the k nearest items of each query, codes uint8 [q ceil(bits/8)]."""

    def within(
        self, codes: np.ndarray, radius: int, where: Mapping[str, str] | None = None
    ) -> list[list[Hit]]:
        """Finds all items at most `radius` bits from each query."""

    def items(
        self, after: str = "", limit: int = 100, where: Mapping[str, str] | None = None
    ) -> list[Item]:
        """Lists items in the order of their ids, those behind `after`."""

    def count(self, where: Mapping[str, str] | None = None) -> int:
        """Counts items."""

    def close(self) -> None:
        """Lets go of files and connections."""
