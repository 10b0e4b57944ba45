"""Re-ranking: what it adds to the nearest by code, and what it costs.

  python benchmarks/reranking.py
  python benchmarks/reranking.py --items=1_000_000 --json=reranking.json

Vectors of 256 dimensions around 2,000 centres, whose variance falls from dimension to dimension as
that of principal components does, turned by a random rotation; codes of their signs. Stored in an
index of one file with int8 features. The ten nearest of 100 further vectors, by the exact cosine of
the real vectors, are to be found: by code alone, and by the features of the N nearest by code.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from jaxhash.search.index.embedded import FILE, Embedded
from jaxhash.search.index.interface import Item
from jaxhash.search.index.reranking import rerank

BITS, DEPTH, QUERIES, BATCH = 256, 10, 100, 10_000
AMONG = (0, 50, 100, 200, 500, 1_000)


def vectors(count: int, seed: int = 0) -> np.ndarray:
    """Draws `count` vectors, float32 [count 256], around centres that are always the same."""
    fixed, draw = np.random.default_rng(0), np.random.default_rng(seed + 1)
    spread = np.arange(1, BITS + 1, dtype=np.float32) ** -0.5
    centres = fixed.standard_normal((2_000, BITS), np.float32) * spread
    rotation = np.linalg.qr(fixed.standard_normal((BITS, BITS)))[0].astype(np.float32)
    own = centres[draw.integers(0, len(centres), count)]
    return (own + draw.standard_normal((count, BITS), np.float32) * spread) @ rotation


def features(of: np.ndarray) -> np.ndarray:
    """Rounds vectors as an encoder does: int8 [n 256]."""
    return np.round(of / np.abs(of).max(axis=1, keepdims=True) * 127).astype(np.int8)


def main() -> None:
    """Measures, and prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--json", help="file to write too")
    options = parser.parse_args()
    queries = vectors(QUERIES, seed=1_000_000)
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    cosine = np.empty((QUERIES, options.items), np.float32)
    rows, began = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        index = Embedded(Path(folder), BITS, "benchmark")
        for start in range(0, options.items, BATCH):
            own = vectors(min(BATCH, options.items - start), seed=start)
            cosine[:, start : start + len(own)] = (queries / lengths) @ (
                own / np.linalg.norm(own, axis=1, keepdims=True)
            ).T
            pairs = zip(np.packbits(own >= 0, axis=1), features(own), strict=True)
            index.add([Item(f"{start + i:08}", c, {}, f) for i, (c, f) in enumerate(pairs)])
        seconds = time.perf_counter() - began
        size = (Path(folder) / FILE).stat().st_size + Path(folder, f"{FILE}-wal").stat().st_size
        exact = np.argsort(-cosine, axis=1)[:, :DEPTH]
        codes, real = np.packbits(queries >= 0, axis=1), features(queries)
        index.nearest(codes[:1], DEPTH)  # reads the index
        for among in AMONG:
            found, began = 0, time.perf_counter()
            for code, vector, nearest in zip(codes, real, exact, strict=True):
                (hits,) = index.nearest(code[None], max(among, DEPTH))
                if among:
                    hits = [one.hit for one in rerank(index, hits, vector)]
                found += len({int(hit.item.id) for hit in hits[:DEPTH]} & {*nearest.tolist()})
            milliseconds = (time.perf_counter() - began) * 1_000 / QUERIES
            rows.append({"among": among, "recall": found / exact.size, "ms a query": milliseconds})
        index.close()
    print(f"{options.items:,} items of {size / options.items:.0f} bytes, made in {seconds:.0f} s")
    print("| in order by features | recall@10 | ms a query |\n|---|---|---|")
    for row in rows:
        print(f"| {row['among'] or 'none'} | {row['recall']:.3f} | {row['ms a query']:.1f} |")
    if options.json:
        machine = f"{platform.machine()}, numpy {np.__version__}"
        kept = {"items": options.items, "bytes": size, "machine": machine, "rows": rows}
        Path(options.json).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
