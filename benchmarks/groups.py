"""Near-duplicates among many codes: how long it takes to find the groups.

  python benchmarks/groups.py
  python benchmarks/groups.py --items=1_000_000 --radius 16 24 --json=groups.json

Codes of 256 bits, the signs of the vectors of `benchmarks/reranking.py`; of every hundred, one is a
near-duplicate of another, some bits apart. Prints the seconds, the groups of more than one, and
whether all near-duplicates were found.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from reranking import BATCH, BITS, vectors

from jaxhash.search.index.groups import group

APART = 8  # bits between a near-duplicate and its original


def codes(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws packed codes [n 32]; returns them, and the places of near-duplicates and originals."""
    parts = [
        np.packbits(vectors(min(BATCH, count - start), seed=start) >= 0, axis=1)
        for start in range(0, count, BATCH)
    ]
    found, draw = np.concatenate(parts), np.random.default_rng(0)
    copies, originals = draw.permutation(count)[: 2 * (count // 100)].reshape(2, -1)
    flipped = np.zeros((len(copies), BITS), np.uint8)
    for row in flipped:
        row[draw.permutation(BITS)[:APART]] = 1
    found[copies] = found[originals] ^ np.packbits(flipped, axis=1)
    return found, copies, originals


def main() -> None:
    """Measures, and prints a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--radius", type=int, nargs="+", default=[8, 16, 24, 32])
    parser.add_argument("--json", help="file to write too")
    options = parser.parse_args()
    found, copies, originals = codes(options.items)
    rows = []
    print("| radius | seconds | groups | near-duplicates found |\n|---|---|---|---|")
    for radius in options.radius:
        began = time.perf_counter()
        numbers = group(found, radius)
        seconds = time.perf_counter() - began
        several = int((np.unique(numbers, return_counts=True)[1] > 1).sum())
        share = float((numbers[copies] == numbers[originals]).mean())
        rows.append({"radius": radius, "seconds": seconds, "groups": several, "found": share})
        print(f"| {radius} | {seconds:.1f} | {several:,} | {share:.0%} |", flush=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, numpy {np.__version__}"
    print(f"\n{options.items:,} codes of {BITS} bits; {machine}")
    if options.json:
        text = json.dumps({"items": options.items, "machine": machine, "rows": rows}, indent=1)
        Path(options.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
