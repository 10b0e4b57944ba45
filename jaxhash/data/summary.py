"""What a run says of its data when it starts: classes, and what queries cannot find.

Pure functions from arrays to lines of text.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from jaxhash.data.datasets import Pool
from jaxhash.data.protocols import Protocol, Split

SHOWN = 3  # classes that a line names


def lines(pool: Pool, protocol: Protocol, split: Split) -> list[str]:
    """Returns all that a run says of its data besides the counts of the split."""
    labels, names = pool.labels, pool.class_names
    per_query = (protocol.query_per_class or 1) + 1
    return [
        classes(labels, names),
        *alike(names),
        *nothing_relevant(labels[split.query], labels[split.database]),
        *too_few(labels, names, per_query),
    ]


def classes(labels: np.ndarray, names: Sequence[str]) -> str:
    """Says how many classes there are, and how many images the largest and the smallest have.

    Args:
      labels: [n l] 0 or 1.
      names: of the l classes.

    >>> classes(np.array([[1, 0], [1, 0], [0, 1]]), ["cat", "dog"])
    '2 classes: largest cat (2 images), smallest dog (1 image)'
    """
    counts = labels.sum(axis=0, dtype=np.int64)
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if len(names) == 1:
        return f"1 class: {names[0]} ({_images(counts[0])})"
    unlabelled = int((labels.sum(axis=1) == 0).sum())
    without = f"; {_images(unlabelled)} without a label" if unlabelled else ""
    return (
        f"{len(names):,} classes: largest {names[largest]} ({_images(counts[largest])}), smallest "
        f"{names[smallest]} ({_images(counts[smallest])}){without}"
    )


def alike(names: Sequence[str]) -> list[str]:
    """Says which classes have names that differ only in case or in the form of their accents.

    >>> alike(["Cat", "cat", "dog"])
    ['classes whose names look alike: Cat and cat; they count as different']
    """
    groups = defaultdict(list)
    for name in names:
        groups[unicodedata.normalize("NFKC", name).casefold()].append(name)
    found = [" and ".join(group) for group in groups.values() if len(group) > 1]
    if not found:
        return []
    return [f"classes whose names look alike: {_some(found)}; they count as different"]


def nothing_relevant(queries: np.ndarray, database: np.ndarray) -> list[str]:
    """Says for what share of the queries the database holds no image with a label of theirs.

    Args:
      queries, database: labels, [q l] and [n l], 0 or 1.

    Returns:
      one line, or none where every query has a relevant image.

    >>> nothing_relevant(np.eye(2), np.array([[1, 0]]))
    ['1 of 2 queries (50.0%) have no relevant image in the database']
    """
    there = database.any(axis=0)
    count = int((~(queries.astype(bool) & there).any(axis=1)).sum())
    if not count:
        return []
    share = count / len(queries)
    said = f"{count:,} of {len(queries):,} queries ({share:.1%})"
    return [f"{said} have no relevant image in the database"]


def too_few(labels: np.ndarray, names: Sequence[str], needed: int) -> list[str]:
    """Says which share of the classes has fewer images than a query needs.

    Args:
      labels: [n l] 0 or 1.
      names: of the l classes.
      needed: images of a class, the query itself included.

    Returns:
      one line, or none where every class has enough.

    >>> too_few(np.array([[1, 0], [1, 0], [0, 1]]), ["cat", "dog"], 2)
    ['1 of 2 classes (50.0%) have fewer than 2 images, which a query needs: dog (1)']
    """
    counts = labels.sum(axis=0, dtype=np.int64)
    few = [f"{names[row]} ({counts[row]:,})" for row in np.flatnonzero(counts < needed).tolist()]
    if not few:
        return []
    share = len(few) / len(names)
    said = f"{len(few):,} of {len(names):,} classes ({share:.1%})"
    return [f"{said} have fewer than {needed:,} images, which a query needs: {_some(few)}"]


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
