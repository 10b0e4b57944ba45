"""Many small requests, few large calls: what waits together is worked on together."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Busy(Exception):
    """More is waiting than will be done soon."""


class Batcher(Generic[Asked, Answer]):
    """Collects single requests into calls of `work`, one call at a time, in one thread.

    While a call runs, requests gather for the next one; only a request that finds the thread idle
    waits for company, and not for long.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Sequence[Answer]],
        *,
        max_batch: int = 32,
        max_wait: float = 0.002,
        max_queue: int = 256,
        thread: ThreadPoolExecutor,
    ):
        """Describes the work; nothing runs before `run`.

        Args:
          work: answers requests, in their order.
          max_batch: requests in one call.
          max_wait: seconds that the first of a batch waits for others.
          max_queue: requests that may wait; beyond, they are refused.
          thread: of one worker; several batchers may share it, and take turns.
        """
        self._work, self._thread = work, thread
        self._max_batch, self._max_wait = max_batch, max_wait
        self._waiting: asyncio.Queue[tuple[Asked, asyncio.Future]] = asyncio.Queue(max_queue)

    async def ask(self, asked: Asked) -> Answer:
        """Returns the answer to one request; raises Busy where too many wait."""
        answer = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((asked, answer))
        except asyncio.QueueFull:
            raise Busy from None
        return await answer

    @contextlib.asynccontextmanager
    async def run(self):
        """Works while the context is open."""
        worker = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            if self._waiting.qsize() + 1 < self._max_batch:
                await asyncio.sleep(self._max_wait)
            while len(batch) < self._max_batch and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            batch = [(asked, answer) for asked, answer in batch if not answer.done()]  # who left
            if not batch:
                continue
            try:
                found = await loop.run_in_executor(self._thread, self._work, [a for a, _ in batch])
                answers = zip(batch, found, strict=True)
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), result in answers:
                if not answer.done():
                    answer.set_result(result)
