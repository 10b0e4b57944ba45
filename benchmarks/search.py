"""Measures the speed of an index: random codes are added, reopened and queried.

  python benchmarks/search.py --count=1000000 --bits=64
  python benchmarks/search.py --count=100000 --index=milvus://127.0.0.1:19530/benchmark

Half of the codes are random, the other half within a few bits of 1,000 centres, so that a radius of
2 has hits. Only the index is measured, without network and pictures.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxhash.search.index.engines import open_index
from jaxhash.search.index.interface import Index, Item

BATCH = 10_000
MODEL = "random codes"


def main() -> None:
    """Builds, opens and queries an index, and prints the time of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--index", help="a new index; default: in a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.index or folder, options.count, options.bits)


def measure(address: str, count: int, bits: int) -> None:
    """Measures an engine with `count` random codes of `bits` bits."""
    codes = random_codes(count, bits)
    index = open_index(address, bits, MODEL)
    start, used = time.perf_counter(), time.process_time()
    fill(index, codes)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    print(f"add {count:,} codes of {bits} bits: {seconds:.1f} s, {used:.1f} of the processor")
    index.close()
    if Path(address).is_dir():
        size = sum(path.stat().st_size for path in Path(address).rglob("*"))
        print(f"on disk, ids and labels too      {size / count:9.1f} bytes an item")
    queries = codes[np.random.default_rng(1).integers(0, count, 100)]
    start = time.perf_counter()
    index = open_index(address, bits, MODEL)
    index.nearest(queries[:1], 10)
    print(f"open, and the first query        {time.perf_counter() - start:9.2f} s")
    where = {"label": "3"}
    index.nearest(queries[:1], 10, where)
    pace("nearest 10, one query a call", lambda: index.nearest(queries[:1], 10), 1)
    pace("nearest 10, 100 queries a call", lambda: index.nearest(queries, 10), 100)
    pace("within 2, one query a call", lambda: index.within(queries[:1], 2), 1)
    pace("within 2, 100 queries a call", lambda: index.within(queries, 2), 100)
    pace("nearest 10 of a tenth, one query", lambda: index.nearest(queries[:1], 10, where), 1)
    pace("add one", lambda: index.add([item(count, codes[0])]), 1)
    pace("add one, then nearest 10", lambda: add_and_ask(index, item(count, codes[0])), 1)
    index.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory                      {peak / 1024:9.0f} MiB")


def fill(index: Index, codes: np.ndarray) -> None:
    """Adds items with the given codes, batch by batch."""
    for first in range(0, len(codes), BATCH):
        numbers = range(first, min(first + BATCH, len(codes)))
        index.add([item(number, codes[number]) for number in numbers])


def random_codes(count: int, bits: int) -> np.ndarray:
    """Makes packed codes, uint8 [count ceil(bits/8)]: half random, half in clusters."""
    random = np.random.default_rng(0)
    signs = random.integers(0, 2, (count, bits), dtype=np.uint8)
    centres = random.integers(0, 2, (1000, bits), dtype=np.uint8)
    clustered = count // 2
    flips = random.random((clustered, bits), np.float32) < 0.05
    signs[:clustered] = centres[random.integers(0, 1000, clustered)] ^ flips
    return np.packbits(signs[random.permutation(count)], axis=1)


def item(number: int, code: np.ndarray) -> Item:
    """Makes an item like those of a folder of pictures."""
    metadata = {
        "label": str(number % 10),
        "_from": "0" * 16,
        "_stamp": "1234567-1700000000000000000",
    }
    return Item(f"{number % 10}/IMG_{number:09d}.jpg", code, metadata)


def add_and_ask(index, added: Item) -> None:
    """Adds an item and queries with its code, as after an upload."""
    index.add([added])
    index.nearest(added.code[None], 10)


def pace(title: str, work: Callable, queries: int) -> None:
    """Prints the median time of a query over several calls, by the clock and of the processor."""
    seconds, busy = [], []
    while len(seconds) < 5 or (sum(seconds) < 2 and len(seconds) < 50):
        start, used = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
    wall, processor = (1000 * np.median(times) / queries for times in (seconds, busy))
    print(f"{title:32} {wall:9.2f} ms a query, {processor:.2f} of the processor")


if __name__ == "__main__":
    main()
