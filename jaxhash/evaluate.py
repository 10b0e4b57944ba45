"""The only evaluator: codes of queries and database in, every number of a results table out."""

import numpy as np

from jaxhash.metrics import curves, hamming, ranking
from jaxhash.metrics.hamming import Coded

PRECISION_AT = (1, 10, *range(100, 1001, 100))


def evaluate(queries: Coded, database: Coded, bits: int, map_at: int | None = None) -> dict:
    """Measures a ranking by Hamming distance; two images are relevant if they share a label.

    Args:
      queries: codes and labels of the queries.
      database: codes and labels of what is searched, in the order that breaks ties by index.
      bits: k.
      map_at: k of mAP@k; None ranks the whole database.

    Returns:
      What `results.json` holds of it:
      `map`, `map_index`: mean average precision, in expectation over ties, and with ties in the
        order of the database; divided by min(map_at, relevant items).
      `map_index_hits`: as `map_index`, divided by the hits among the first `map_at`, as most
        published code does; differs only where `map_at` is given.
      `precision_at_radius_2`: mean over queries, 0 for one that finds nothing.
      `queries_that_find_nothing_at_radius_2`, `queries_without_relevant`: shares of the queries.
      `precision_at`: {N: mean P@N}. `precision_recall`: points of growing radius.
      `bit_balance`: the share of 1s in each bit of the database.
      `codes_in_use`: distinct codes in the database.

    >>> codes = Coded(np.array([[0], [255]], np.uint8), np.eye(2, dtype=np.uint8))
    >>> evaluate(codes, codes, bits=8)["map"]
    1.0
    """
    histograms, by_index, by_index_hits = [], [], []
    for distance, relevant in hamming.blocks(queries, database):
        histograms.append(ranking.histogram(distance, relevant, bits))
        by_index.append(ranking.average_precision_by_index(distance, relevant, map_at))
        by_index_hits.append(
            ranking.average_precision_by_index(distance, relevant, map_at, "hits")
            if map_at
            else by_index[-1]
        )
    counts = ranking.Histogram(*(np.concatenate(part) for part in zip(*histograms, strict=True)))
    sizes = [n for n in PRECISION_AT if n <= len(database.codes)]
    precision_recall = curves.precision_recall(counts)
    return {
        "map": float(ranking.average_precision(counts, map_at).mean()),
        "map_index": float(np.concatenate(by_index).mean()),
        "map_index_hits": float(np.concatenate(by_index_hits).mean()),
        "map_at": map_at,
        "precision_at_radius_2": float(ranking.precision_within(counts, 2).mean()),
        "queries_that_find_nothing_at_radius_2": float(
            (counts.items[:, :3].sum(axis=1) == 0).mean()
        ),
        "queries_without_relevant": float((counts.relevant.sum(axis=1) == 0).mean()),
        "precision_at": dict(
            zip(map(str, sizes), curves.precision_at(counts, sizes).tolist(), strict=True)
        ),
        "precision_recall": {
            name: points.tolist() for name, points in precision_recall._asdict().items()
        },
        "bit_balance": np.unpackbits(database.codes, axis=1, count=bits).mean(axis=0).tolist(),
        "codes_in_use": len(np.unique(database.codes, axis=0)),
    }
