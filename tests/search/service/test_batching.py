"""Batching: what waits together goes together, and no more may wait than can be served."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jaxhash.search.service.batching import Batcher, Busy


def run(work, story, **options):
    """Runs a story, given a batcher."""

    async def told():
        with ThreadPoolExecutor(1) as thread:
            async with Batcher(work, thread=thread, **options).run() as batcher:
                return await story(batcher)

    return asyncio.run(told())


def test_each_gets_its_own_answer_and_many_go_together():
    calls = []

    def double(numbers):
        calls.append(len(numbers))
        return [2 * number for number in numbers]

    async def story(batcher):
        return await asyncio.gather(*map(batcher.ask, range(20)))

    assert run(double, story, max_batch=8) == [2 * number for number in range(20)]
    assert calls == [8, 8, 4]


def test_what_comes_during_a_call_goes_into_the_next():
    started, go_on = threading.Event(), threading.Event()
    calls = []

    def slow(numbers):
        calls.append(list(numbers))
        started.set()
        assert go_on.wait(10)
        return numbers

    async def story(batcher):
        first = asyncio.create_task(batcher.ask(0))
        await asyncio.to_thread(started.wait, 10)
        others = [asyncio.create_task(batcher.ask(i)) for i in (1, 2, 3)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)

    run(slow, story)
    assert calls == [[0], [1, 2, 3]]


def test_too_many_are_refused_at_once():
    async def story(batcher):
        answers = await asyncio.gather(*map(batcher.ask, range(10)), return_exceptions=True)
        return [answer for answer in answers if not isinstance(answer, Busy)]

    assert run(lambda numbers: numbers, story, max_queue=4, max_batch=2) == [0, 1, 2, 3]


def test_a_failure_reaches_those_who_asked_and_nobody_else():
    def picky(numbers):
        if 13 in numbers:
            raise ValueError("not this one")
        return numbers

    async def story(batcher):
        with pytest.raises(ValueError, match="not this one"):
            await batcher.ask(13)
        return await batcher.ask(14)

    assert run(picky, story) == 14


def test_nobody_works_for_one_who_left():
    calls = []

    def work(numbers):
        calls.append(list(numbers))
        return numbers

    async def story(batcher):
        leaving, staying = (asyncio.create_task(batcher.ask(i)) for i in (1, 2))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == 2

    run(work, story)
    assert calls == [[2]]
