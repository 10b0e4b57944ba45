"""The engines under test, and what they are compared with."""

import os
import time
import uuid

import numpy as np
import pytest

from jaxhash.search.index.engines import open_index
from jaxhash.search.index.interface import Item

MILVUS = os.environ.get("JAXHASH_TEST_MILVUS")  # milvus://127.0.0.1:19530
needs_milvus = pytest.mark.skipif(not MILVUS, reason="no Milvus: JAXHASH_TEST_MILVUS is not set")
ENGINES = ["embedded", pytest.param("milvus", marks=needs_milvus)]
LABELS = ("cat", "dog", 'o"; drop', "back\\slash", "Zoë 😀\n")


class Places:
    """Addresses of indexes of one engine, and those that are open."""

    def __init__(self, engine, folder):
        self.engine, self.folder, self._open = engine, folder, []

    def address(self):
        name = f"test_{uuid.uuid4().hex}"
        return str(self.folder / name) if self.engine == "embedded" else f"{MILVUS}/{name}"

    def open(self, address=None, bits=64, model="m", create=True):
        index = open_index(address or self.address(), bits, model, create)
        self._open.append(index)
        return index

    def settle(self):
        """Waits until what one client wrote is seen by another."""
        if self.engine == "milvus":
            time.sleep(6)

    def close(self):
        for index in self._open:
            if self.engine == "milvus":
                for name in (index._collection, index._collection + "_notes"):
                    index._client.drop_collection(name)
            index.close()


class BruteForce:
    """The same as an index, from its definition: a dict and a sort."""

    def __init__(self, items=()):
        self.stored = {item.id: item for item in items}

    def find(self, where=None):
        wanted = (where or {}).items()
        return [
            self.stored[id]
            for id in sorted(self.stored)
            if all(self.stored[id].metadata.get(name) == value for name, value in wanted)
        ]

    def nearest(self, codes, k, where=None):
        return [self._ranked(code, where)[:k] for code in codes]

    def within(self, codes, radius, where=None):
        return [[hit for hit in self._ranked(code, where) if hit[0] <= radius] for code in codes]

    def _ranked(self, code, where):
        differ = [(unpacked(item.code) != unpacked(code), item.id) for item in self.find(where)]
        return sorted((int(bits.sum()), id) for bits, id in differ)


def unpacked(code):
    return np.unpackbits(code)


def make(count, bits, kind="random", seed=0):
    """Items in a random order, and queries: some of them items, some not."""
    random = np.random.default_rng(seed)
    different = {"random": count, "clusters": 7, "equal": 1}[kind]
    signs = random.integers(0, 2, (different, bits), dtype=np.uint8)
    codes = np.packbits(signs[random.integers(0, different, count)], axis=1)
    names = [f"{label % 3}/{number}.jpg" for number, label in enumerate(random.permutation(count))]
    items = [
        Item(name, code, {"label": LABELS[number % 5], "half": "ab"[number % 2]})
        for number, (name, code) in enumerate(zip(names, codes, strict=True))
    ]
    others = np.packbits(random.integers(0, 2, (3, bits), dtype=np.uint8), axis=1)
    return items, np.concatenate([codes[:3], others])


def answers(found):
    return [[(hit.distance, hit.item.id) for hit in hits] for hits in found]


def same(item, other):
    return (
        item.id == other.id and item.metadata == other.metadata and (item.code == other.code).all()
    )
