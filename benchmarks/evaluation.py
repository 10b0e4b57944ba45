"""Time of the evaluation, beside the loop that the field's public code measures mAP with.

python benchmarks/evaluation.py           1,000 queries, 59,000 items, 48 bits: both, and the ratio
python benchmarks/evaluation.py --json=PATH                  the same, written to a file too
python benchmarks/evaluation.py --large   10,000 queries, 1,000,000 items, 64 bits: ours, and memory

All measure the same codes on the same cores in one run; the two short ones five times, of which
the median counts. The loop yields mAP, with ties as an
unstable sort leaves them; `mean_average_precision` mAP, exact under ties; `evaluate` every metric,
with mAP by index among them.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxhash.metrics.evaluate import evaluate, mean_average_precision
from jaxhash.metrics.hamming import Coded

CLASSES = 10


def images(queries: int, items: int, bits: int) -> tuple[Coded, Coded]:
    """Draws codes that depend on their class as trained ones do, with one-hot labels."""
    random = np.random.RandomState(0)
    centres = random.rand(CLASSES, bits) < 0.5

    def some(count: int) -> Coded:
        classes = random.randint(0, CLASSES, count)
        codes = np.concatenate(
            [
                np.packbits(centres[part] ^ (random.rand(len(part), bits) < 0.3), axis=1)
                for part in np.array_split(classes, -(-count // 100_000))
            ]
        )
        return Coded(codes, np.eye(CLASSES, dtype=np.uint8)[classes])

    return some(queries), some(items)


def loop(queries: Coded, database: Coded, bits: int) -> float:
    """Measures mAP as the field does: for each query two products of float vectors and a sort."""
    codes, items = (
        2 * np.unpackbits(c.codes, axis=1, count=bits).astype(np.float32) - 1
        for c in (queries, database)
    )
    labels, item_labels = (c.labels.astype(np.float32) for c in (queries, database))
    total = 0.0
    for code, label in zip(codes, labels, strict=True):
        relevant = (label @ item_labels.T > 0).astype(np.float32)
        distance = 0.5 * (bits - code @ items.T)
        hits = relevant[np.argsort(distance)]
        count = int(hits.sum())
        if count:
            places = np.where(hits == 1)[0] + 1.0
            total += np.mean(np.linspace(1, count, count) / places)
    return total / len(codes)


def timed(title: str, function: Callable, *arguments, times: int = 1) -> tuple[float, object]:
    """Returns the median seconds on the wall and what the function returned, and prints them."""
    walls, processors = [], []
    for _ in range(times):
        wall, processor = time.perf_counter(), time.process_time()
        result = function(*arguments)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    wall, processor = statistics.median(walls), statistics.median(processors)
    print(f"{title}: {wall:.2f} s, {processor:.2f} s of processors", flush=True)
    return wall, result


def peak_gigabytes() -> float:
    """Returns the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def main() -> None:
    """Runs what the flags name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--large", action="store_true", help="ten billion pairs, ours alone")
    parser.add_argument("--json", metavar="PATH", help="where to write the comparison too")
    options = parser.parse_args()
    large = options.large
    shape = (10_000, 1_000_000, 64) if large else (1_000, 59_000, 48)
    queries, database = images(*shape)
    print("{:,} queries, {:,} items, {} bits".format(*shape), flush=True)
    arguments = (queries, database, shape[2])
    times = 1 if large else 5
    alone, value = timed("mAP alone, jaxhash", mean_average_precision, *arguments, times=times)
    ours, numbers = timed("every metric, jaxhash", evaluate, *arguments, times=times)
    low, high = numbers["map_interval"]
    print(f"mAP {value:.4f} [{low:.4f}, {high:.4f}], by index {numbers['map_index']:.4f}")
    print(f"at most {peak_gigabytes():.2f} GB of memory", flush=True)
    if not large:
        field, value = timed("mAP alone, the field's loop", loop, *arguments)
        print(f"mAP {value:.4f}")
        print(f"{field / alone:.0f} times faster for mAP, {field / ours:.0f} for every metric")
        work = "evaluation of {:,} queries, {:,} items, {} bits".format(*shape)
        rows = [
            {"work": work, "kind": kind, "unit": "s", "ours": own, "theirs": field}
            for kind, own in (("mAP", alone), ("every metric", ours))
        ]
        if options.json:
            rows = [
                row | {"other": "the field's loop, mAP alone", "ratio": field / row["ours"]}
                for row in rows
            ]
            Path(options.json).write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
