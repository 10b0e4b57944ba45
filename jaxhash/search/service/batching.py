"""Batches single requests into calls of a function, for a network or an index."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Busy(Exception):
    """The queue is full."""


class Batcher(Generic[Asked, Answer]):
    """Batches single requests into calls of `work`, one call at a time, in one thread.

    Requests that arrive during a call form the next batch. Only a request that arrives when the
    thread is idle waits for others, for at most `max_wait` seconds.
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
        """Nothing runs before `run`.

        Args:
          work: maps requests to answers, in their order.
          max_batch: requests in one call.
          max_wait: seconds that the first request of a batch waits for others.
          max_queue: requests that may wait; more are refused with `Busy`.
          thread: an executor of one worker; several batchers may share it.
        """
        self._work, self._thread = work, thread
        self._max_batch, self._max_wait = max_batch, max_wait
        self._waiting: asyncio.Queue[tuple[Asked, asyncio.Future]] = asyncio.Queue(max_queue)

    async def ask(self, asked: Asked) -> Answer:
        """Returns the answer to one request; raises Busy if the queue is full."""
        answer = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((asked, answer))
        except asyncio.QueueFull:
            raise Busy from None
        return await answer

    @contextlib.asynccontextmanager
    async def run(self):
        """Processes requests while the context is open."""
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
            # Without clients that have left.
            batch = [(asked, answer) for asked, answer in batch if not answer.done()]
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
