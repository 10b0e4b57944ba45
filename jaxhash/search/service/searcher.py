"""Decoding, encoding and searching for the service, each in threads of its own."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from jaxhash.search.collection.named import Named
from jaxhash.search.index.interface import Hit, Index
from jaxhash.search.service import uploads
from jaxhash.search.service.batching import Batcher
from jaxhash.search.service.metrics import Metrics
from jaxhash.search.service.middleware import Limits
from jaxhash.search.service.network import Encoded, Network
from jaxhash.search.service.thumbnails import Pictures

Result = TypeVar("Result")
DECODERS = 4


class Query(NamedTuple):
    """A query: the `k` items nearest to a code, or all within `radius` bits; see `Index`.

    where: (name, value) pairs that the metadata of hits must have, sorted.
    """

    code: bytes
    k: int
    radius: int | None
    where: tuple[tuple[str, str], ...]


class Searcher:
    """A network, an index and its pictures, for many clients at once.

    The network has a thread of its own and so has the index; one call of either serves all requests
    that arrived during the previous one. Changes of the index have another, because they may wait
    for other programs, and the search for near-duplicates, which takes long. Decoding has a few
    threads, which bounds its memory.

    Attributes:
      network: encodes.
      index: with the names that people see; only to be used through `on_index` and `change`.
      pictures: of the index.
      limits: of requests.
    """

    def __init__(
        self, network: Network, index: Index, pictures: Pictures, limits: Limits, metrics: Metrics
    ):
        """Nothing runs before `run`."""
        self.network, self.index, self.pictures = network, Named(index), pictures
        self.limits, self._metrics = limits, metrics
        self._decoders = ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1), "decode")
        self._on_device = ThreadPoolExecutor(1, "network")
        self._on_index = ThreadPoolExecutor(1, "index")
        self._writing = ThreadPoolExecutor(1, "writing")
        self._grouping = ThreadPoolExecutor(1, "grouping")
        self._codes: Batcher[np.ndarray, Encoded] = Batcher(
            self._encode, max_batch=network.max_batch, thread=self._on_device
        )
        self._hits = Batcher(self._find, thread=self._on_index)

    @contextlib.asynccontextmanager
    async def run(self):
        """Serves requests while the context is open; closes the index at its end."""
        await self._in(self._on_device, self.network.warm_up)
        async with self._codes.run(), self._hits.run():
            yield
        await self.on_index(self.index.close)
        pools = (self._decoders, self._on_device, self._on_index, self._writing, self._grouping)
        for threads in pools:
            threads.shutdown()

    async def read(self, file: BinaryIO) -> Image.Image:
        """Decodes an upload to be kept or drawn over; raises `Refused`."""
        return await self.on_pictures(uploads.read, file, self.limits.max_pixels)

    async def decode(self, file: BinaryIO) -> np.ndarray:
        """Decodes an upload to what the network reads, uint8 [h w c]; raises `Refused`."""
        shape, max_pixels = self.network.shape, self.limits.max_pixels
        return await self.on_pictures(uploads.decode, file, shape, max_pixels)

    async def encode(self, prepared: np.ndarray) -> Encoded:
        """Encodes a picture, uint8 [h w c], batched with others; raises `Busy`."""
        return await self._codes.ask(prepared)

    async def find(self, query: Query) -> list[Hit]:
        """Answers a query, batched with others; raises `Busy`."""
        return await self._hits.ask(query)

    async def overlay(self, image: Image.Image) -> Image.Image:
        """Draws the attention map of a picture, see `Network.overlay`."""
        prepared = await self.on_pictures(self.network.prepare, image)
        return await self._in(
            self._on_device, lambda: self.network.overlay(prepared, image.width, image.height)
        )

    async def on_index(self, work: Callable[..., Result], *args) -> Result:
        """Calls a function in the thread of the index."""
        return await self._in(self._on_index, work, *args)

    async def change(self, work: Callable[..., Result], *args) -> Result:
        """Calls a function that changes the index, in a thread of its own."""
        return await self._in(self._writing, work, *args)

    async def on_groups(self, work: Callable[..., Result], *args) -> Result:
        """Calls a function that reads all of the index, in a thread of its own."""
        return await self._in(self._grouping, work, *args)

    async def on_pictures(self, work: Callable[..., Result], *args) -> Result:
        """Calls a function in the threads that decode and encode pictures."""
        return await self._in(self._decoders, work, *args)

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[..., Result], *args) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *args)

    def _encode(self, pictures: Sequence[np.ndarray]) -> Sequence[Encoded]:
        self._metrics.batch.observe(len(pictures))
        return self.network.encode(pictures)

    def _find(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """Answers queries; those that differ in their code alone share one call of the index."""
        alike: dict[tuple, list[int]] = {}
        for place, query in enumerate(queries):
            alike.setdefault(query[1:], []).append(place)
        answers: dict[int, list[Hit]] = {}
        for (k, radius, where), places in alike.items():
            codes = np.stack([np.frombuffer(queries[place].code, np.uint8) for place in places])
            wanted: Mapping[str, str] | None = dict(where) or None
            if radius is None:
                hits = self.index.nearest(codes, k, wanted)
            else:
                hits = self.index.within(codes, radius, wanted)
            answers |= zip(places, hits, strict=True)
        return [answers[place] for place in range(len(queries))]
