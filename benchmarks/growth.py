"""How the time of encoding, measuring, indexing and searching grows with the database.

  python benchmarks/growth.py --json=growth.json
  python benchmarks/growth.py --json=growth.json --draw=growth.png

For databases of 10^3 to --largest codes of 64 bits, each ten times the one before: encoding their
images (32 px, in memory, the network of `configs/dhida.py:scale=small`, random weights), mAP and
every metric of 1,000 queries, adding the codes to the embedded index, opening it with a first
query, and one query of the ten nearest. An operation is left out for larger databases as soon as
the next one would take longer than --limit, by what the last one took; --json keeps what was
measured, and is not measured again. The slope is that of the last decade in the picture: 1 where
ten times the images take ten times as long.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from encode import encoder
from search import MODEL, fill, random_codes

from jaxhash.metrics.evaluate import evaluate, mean_average_precision
from jaxhash.metrics.hamming import Coded
from jaxhash.runs import provenance
from jaxhash.search.index.engines import open_index

BITS, QUERIES, CLASSES, SMALLEST = 64, 1_000, 10, 1_000
ENOUGH = 20  # seconds
TITLES = {
    "encode": "encode the images",
    "map": "mAP of 1,000 queries",
    "metrics": "every metric of 1,000 queries",
    "index": "add all codes to an index",
    "open": "open the index, first query",
    "query": "one query, ten nearest",
}


def clock(work: Callable, times: int = 1) -> float:
    """Returns the median seconds of a call, of as many as given, or fewer that take a while."""
    found: list[float] = []
    while len(found) < times and sum(found) < ENOUGH:
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def encoding() -> Callable[[int], float]:
    """Returns what encodes a number of images of 32 px and returns the seconds."""
    encode, pixels = encoder("configs/dhida.py:scale=small", 256)
    encode(pixels)  # compiles

    def run(count: int) -> float:
        return clock(lambda: [encode(pixels) for _ in range(math.ceil(count / len(pixels)))])

    return run


def labelled(count: int, seed: int) -> Coded:
    """Draws codes with one label each, whatever their code."""
    classes = np.random.RandomState(seed).randint(0, CLASSES, count)
    return Coded(random_codes(count, BITS), np.eye(CLASSES, dtype=np.uint8)[classes])


def searching(codes: np.ndarray) -> Iterator[tuple[str, float]]:
    """Measures the embedded index with the given codes."""
    with tempfile.TemporaryDirectory() as folder:
        index = open_index(folder, BITS, MODEL)
        yield "index", clock(lambda: fill(index, codes))
        index.nearest(codes[:1], 1)  # imports what only the first search of a process needs
        index.close()
        start = time.perf_counter()
        index = open_index(folder, BITS, MODEL)
        index.nearest(codes[:1], 10)
        yield "open", time.perf_counter() - start
        yield "query", clock(lambda: index.nearest(codes[-1:], 10), 21)
        index.close()


def measure(
    found: dict[str, dict[str, float]], largest: int, limit: float
) -> Iterator[dict[str, dict[str, float]]]:
    """Measures what is missing and not too long; yields {operation: {count: seconds}} after each.

    Args:
      found: what is known already; added to.
      largest: the number of codes to end with.
      limit: seconds that an operation may take.
    """
    encode = encoding()

    def wanted(name: str, count: int) -> bool:
        done = found.setdefault(name, {})
        before = done.get(str(count // 10), 0.0 if count == SMALLEST else math.inf)
        return str(count) not in done and 10 * before <= limit

    for digits in range(len(str(SMALLEST)), len(str(largest)) + 1):
        count = 10 ** (digits - 1)
        if wanted("encode", count):
            found["encode"][str(count)] = encode(count)
            yield found
        todo = [name for name in ("map", "metrics", "index") if wanted(name, count)]
        if not todo:
            continue
        queries, database = labelled(QUERIES, 1), labelled(count, 0)
        for name, function in (("map", mean_average_precision), ("metrics", evaluate)):
            if name in todo:
                found[name][str(count)] = clock(partial(function, queries, database, BITS), 3)
                yield found
        if "index" in todo:
            for name, taken in searching(database.codes):
                found.setdefault(name, {})[str(count)] = taken
            yield found


def by_count(points: dict[str, float]) -> dict[str, float]:
    """Sorts seconds by their count: a smaller one may have been measured later."""
    return dict(sorted(points.items(), key=lambda point: int(point[0])))


def slope(points: dict[str, float]) -> float:
    """Returns by which power of the count the seconds of the last two counts grow; nan for one."""
    if len(points) < 2:
        return math.nan
    (n, before), (m, after) = list(points.items())[-2:]
    return math.log(after / before) / math.log(int(m) / int(n))


def draw(seconds: dict[str, dict[str, float]], hardware: str, path: str) -> None:
    """Draws the seconds of each operation over the size of the database, both logarithmic."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for (name, points), marker in zip(seconds.items(), "osD^vP", strict=False):
        label = f"{TITLES[name]}: slope {slope(points):.2f}"
        axes.loglog([int(n) for n in points], list(points.values()), marker=marker, label=label)
    axes.set_xlabel("images in the database")
    axes.set_ylabel("seconds")
    axes.set_title(f"codes of {BITS} bits, {hardware}", fontsize=9, loc="left")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Prints a row for each operation, and draws them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", required=True, metavar="PATH", help="the seconds; added to")
    parser.add_argument("--largest", type=int, default=10**7, help="number of codes")
    parser.add_argument("--limit", type=float, default=300, help="seconds of one operation")
    parser.add_argument("--draw", metavar="PATH", help="draw a picture, .png")
    options = parser.parse_args()
    about = provenance.collect(device_count=1)
    path = Path(options.json)
    seconds = json.loads(path.read_text())["seconds"] if path.exists() else {}
    for found in measure(seconds, options.largest, options.limit):
        seconds = {name: by_count(points) for name, points in found.items()}
        kept = {**about, "seconds": seconds}
        path.write_text(json.dumps(kept, indent=1) + "\n")
        counts = [max(map(int, points), default=0) for points in seconds.values()]
        print(f"measured up to {max(counts):,}", flush=True)
    for name, points in seconds.items():
        row = ", ".join(f"{int(n):,}: {value:.4g} s" for n, value in points.items())
        print(f"{TITLES[name]}: {row}")
    if options.draw:
        draw(seconds, about["hardware"], options.draw)


if __name__ == "__main__":
    main()
