"""A target code for every class: as published, or chosen so that every bit separates classes.

Codes of l classes with k bits are a matrix [l k]. A constant column is a bit that separates no
classes, and two columns that are equal or complementary are two bits that separate the same ones.
The criteria of `balanced` are those of error-correcting output codes (Dietterich and Bakiri, JAIR
1995): rows far apart, columns all different, and as many +1 as -1 in each.

What both choices attain, as `published` | `balanced`. Distance: of the two nearest classes, and the
Plotkin bound, k l / (2 (l - 1)) for even l and k (l + 1) / (2 l) for odd l, rounded down, which no
codes exceed. Columns: how many differ, where complements count once, and how many are constant.
Skew: the mean of |sum of the column| / l; 0 is balanced, and 1 / l the least for odd l.

    k    l   distance          columns, constant     skew
    16   10    8 |  8 of  8    16, 1 | 16, 0     0.17 | 0.04
    32   10   16 | 17 of 17    16, 2 | 32, 0     0.17 | 0.02
    48   10   20 | 26 of 26    46, 0 | 48, 0     0.21 | 0.00
    64   10   32 | 35 of 35    16, 4 | 64, 0     0.17 | 0.02
    64   20   32 | 32 of 33    32, 2 | 64, 0     0.09 | 0.00
    12  100    1 |  4 of  6    12, 0 | 12, 0     0.06 | 0.01
    48  100   14 | 21 of 24    48, 0 | 48, 0     0.08 | 0.03
    64  100   32 | 32 of 32    64, 0 | 64, 0     0.02 | 0.04
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import hadamard

from jaxhash.errors import UserError

CHOICES = ("published", "balanced")
DRAWS = 1_000  # of `published`
FEW = 11  # classes: up to so many, every column that exists is a candidate
MANY = 128  # classes: for more, the pairs of classes are too many to be searched
CANDIDATES = 2**22  # columns times points of a linear code; bounds its time where l is large
EXCHANGES = 100  # of columns, after they are chosen
HELD = 5  # exchanges in which a new column stays, and up to twice as many
LEVELS = 12  # pairs of classes that are so much further apart than the nearest no longer count


class _Pool(NamedTuple):
    """Candidates for columns.

    columns: [p l] of -1 and +1; none is constant, no two are equal or complementary.
    splits: [p d] 1 where the column differs between the two classes of pair d, else 0.
    start: how many are taken, from the first on, before the others are chosen.
    """

    columns: np.ndarray
    splits: np.ndarray
    start: int = 0


def check(loss: str, choice: str) -> None:
    """Raises UserError for a choice of a loss that is not one of `CHOICES`."""
    if choice not in CHOICES:
        raise UserError(f"loss.{loss}.centres={choice}: expected {' or '.join(CHOICES)}")


def centres(choice: str, count: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a code for every class, and one for images whose labels are divided.

    Args:
      choice: one of `CHOICES`; the function of that name chooses.
      count: l, how many classes.
      bits: k.

    Returns:
      [l k] and [k], float32 of -1 and +1. The second is one more code of the published choice, and
      a draw with fair coins beside balanced codes, which it would bring closer to each other.

    >>> codes, tie = centres("balanced", 10, 32)
    >>> codes.shape, tie.shape
    ((10, 32), (32,))
    """
    if choice == "published":
        codes = published(count + 1, bits)
        return codes[:-1], codes[-1]
    tie = np.random.RandomState(0).choice([-1.0, 1.0], size=bits)
    return balanced(count, bits), tie.astype(np.float32)


def published(count: int, bits: int, seed: int = 0) -> np.ndarray:
    """Chooses codes as CSQ does (section 3.2).

    Where k is a power of two and there are at most 2k classes: rows of the Hadamard matrix and then
    of its negative, from the first on, which differ in half of the bits or in all. Else the draw,
    of a thousand with fair coins, whose two nearest codes are furthest apart; with many classes and
    few bits, two of them are equal.

    Args:
      count: l, how many classes.
      bits: k.
      seed: of the draws.

    Returns:
      [l k] float32 of -1 and +1.

    >>> codes = published(10, 16)
    >>> sorted({int((a != b).sum()) for a in codes for b in codes})
    [0, 8]
    """
    if bits & (bits - 1) == 0 and count <= 2 * bits:
        rows = hadamard(bits)
        return np.concatenate([rows, -rows])[:count].astype(np.float32)
    random = np.random.RandomState(seed)
    best, widest = np.ones((count, bits)), -1.0
    for _ in range(DRAWS):
        codes = random.choice([-1.0, 1.0], size=(count, bits))
        products = codes @ codes.T - 2 * bits * np.eye(count)
        nearest = (bits - products.max()) / 2
        if nearest > widest:
            best, widest = codes, nearest
    return best.astype(np.float32)


def balanced(count: int, bits: int, seed: int = 0) -> np.ndarray:
    """Chooses codes by their columns: first far apart, then different columns, then balanced ones.

    Columns are chosen one after the other, each for the classes that are nearest until then, and
    then exchanged. The candidates are all columns where classes are few, and else the columns of
    Hadamard matrices (Sylvester's and Paley's) with their rows in a random order; n rows differ
    in n / 2 of n - 1 columns, which attains the bound of Plotkin. For more than 128 classes, rows
    of one Hadamard matrix, or a linear code where bits are fewer than half of the classes.

    With k no larger than the number of balanced columns, C(l, l / 2) / 2 for even l and C(l,
    (l - 1) / 2) for odd l, all columns differ; with fewer classes they repeat, because the distance
    comes first (5 classes have 10 such columns, 9 classes 126). No column is constant. Two classes
    have the same code only where there are more than 2^k.

    It takes less than a second for 100 classes and 128 bits, and gives the same on every machine:
    all sums are of whole numbers.

    Args:
      count: l, how many classes.
      bits: k.
      seed: of the order of rows and of what the exchanges try.

    Returns:
      [l k] float32 of -1 and +1.

    >>> codes = balanced(10, 32)
    >>> sorted({int((a != b).sum()) for a in codes for b in codes})
    [0, 17, 18, 19, 21]
    >>> len({tuple(column * column[0]) for column in codes.T})
    32
    """
    random = np.random.RandomState(seed)
    best, codes = (-1, 0, 0), np.ones((count, bits))
    if count > MANY and count <= 2 * _order(bits):
        codes = _rows(_order(bits), count, random, mixed=True)[:, :bits]
    elif count > 1:
        for pool in _pools(count, bits, random):
            quality, found = _choose(pool, bits, random)
            if quality > best:
                best, codes = quality, found
            if quality[:2] >= _goal(count, bits):
                break
    # No class is favoured by the first column's sign, nor the first bits by having come first.
    codes = codes * random.choice([-1, 1], size=bits)
    return codes[:, random.permutation(bits)].astype(np.float32)


def _goal(count: int, bits: int) -> tuple[int, int]:
    """Returns a smallest distance and a number of different columns that end the search.

    The distance is the bound of Plotkin: the mean distance of all codes, were all columns balanced.
    """
    bound = 2 * bits * (count // 2) * ((count + 1) // 2) // (count * (count - 1))
    exist = math.comb(count, count // 2) // (1 + (count % 2 == 0))  # balanced columns
    return bound, min(bits, exist)


def _pools(count: int, bits: int, random: np.random.RandomState) -> Iterator[_Pool]:
    """Yields pools of candidates, those that are searched in less time first."""
    if count <= FEW:
        columns = 1 - 2 * _digits(np.arange(1, 2 ** (count - 1)), 2**count)
        yield _pairwise(columns)
        balance = np.abs(columns.sum(axis=1))
        yield _pairwise(columns[balance == balance.min()])
    points = _power(count)
    if bits < points:
        yield _linear(points, count, bits, random)
    if count > MANY:
        return
    orders = {_order(bits), _order(count), points, _power(math.ceil(count / 2))}
    for order in sorted(orders):
        if order <= max(bits + 1, _order(bits)) and count <= 2 * order:
            yield _blocks(order, count, bits, random)


def _pairwise(columns: np.ndarray, start: int = 0) -> _Pool:
    """Returns a pool in which every pair of classes counts."""
    one, other = np.triu_indices(columns.shape[1], 1)
    return _Pool(columns, (columns[:, one] != columns[:, other]).astype(np.float64), start)


def _blocks(order: int, count: int, bits: int, random: np.random.RandomState) -> _Pool:
    """Returns the columns of Hadamard matrices, more of them than are chosen."""
    mixed = count > order
    width = order if mixed else order - 1  # without the constant column
    whole = bits // width
    columns = np.ones((0, count), int)
    for _ in range(3 * (whole + 1)):  # with few classes, many columns come again
        if len(columns) >= bits + width:
            break
        more = _rows(order, count, random, mixed).T
        columns = _different(np.concatenate([columns, more]))
    return _pairwise(columns, start=min(whole * width, len(columns)))


def _linear(points: int, count: int, bits: int, random: np.random.RandomState) -> _Pool:
    """Returns linear functions of the numbers of classes in base two, modulo 2.

    The distance of two codes of a linear code is that of the sum of both from zero, so that points
    stand for pairs, and they are few. There are at most 2 l points, so that no function is constant
    on the classes.
    """
    few = max(bits, points.bit_length(), CANDIDATES // points)
    functions = 1 + random.permutation(points - 1)[:few]
    odd = _digits(functions, points) @ _digits(np.arange(points), points).T % 2
    return _Pool(1 - 2 * odd[:, random.permutation(points)[:count]], odd[:, 1:].astype(np.float64))


def _choose(pool: _Pool, bits: int, random: np.random.RandomState) -> tuple[tuple, np.ndarray]:
    """Chooses columns of a pool, one by one, and then exchanges some.

    A column is worth sum_d 2^(nearest - distance_d) over the pairs that it splits. It is chosen
    again only after all others were. An exchange takes out the column that is worth least.

    Returns:
      (smallest distance, different columns, minus the sum of all columns' skews), and [l k].
    """
    columns, splits, _ = pool
    count = columns.shape[1]
    skew = np.abs(columns.sum(axis=1))
    used, held = np.zeros(len(columns), int), np.zeros(len(columns), int)
    chosen: list[int] = []
    distance = np.zeros(splits.shape[1])

    def worth() -> np.ndarray:
        weights = np.floor(2.0 ** (LEVELS - (distance - distance.min())))
        # Not `@`, whose many threads slow each other down where processors are shared.
        return np.einsum("pd,d->p", splits, weights) - skew / (count + 1)

    def take(column: int) -> None:
        chosen.append(column)
        used[column] += 1
        distance[:] += splits[column]

    def take_best(but: int | None = None) -> int:
        values = worth()
        values[used > used.min()] = -np.inf
        if but is not None and len(columns) > 1:
            values[but] = -np.inf
        take(int(values.argmax()))
        return chosen[-1]

    for column in range(pool.start):
        take(column)
    while len(chosen) < bits:
        take_best()
    goal, best, codes = _goal(count, bits), (-1, 0, 0), chosen
    for step in range(EXCHANGES + 1):
        quality = (int(distance.min()), int((used > 0).sum()), -int(skew[chosen].sum()))
        if quality > best:
            best, codes = quality, list(chosen)
        if quality[:2] >= goal:
            break
        values = worth()[chosen]
        values[held[chosen] > step] = np.inf
        out = chosen.pop(int(values.argmin()))
        used[out] -= 1
        distance -= splits[out]
        held[take_best(but=out)] = step + HELD + random.randint(HELD)
    return best, columns[codes].T


def _digits(numbers: np.ndarray, end: int) -> np.ndarray:
    """Writes numbers below a power of two in base two, the last digit first."""
    return numbers[:, None] >> np.arange(end.bit_length() - 1) & 1


def _different(columns: np.ndarray) -> np.ndarray:
    """Keeps the first of equal and complementary columns [p l], and none that is constant."""
    columns = columns * columns[:, :1]
    columns = columns[(columns < 0).any(axis=1)]
    return columns[np.sort(np.unique(columns, axis=0, return_index=True)[1])]


def _rows(order: int, count: int, random: np.random.RandomState, mixed: bool) -> np.ndarray:
    """Draws rows [l order] of a Hadamard matrix, and negatives of rows where it has too few.

    With `mixed`, each row has a random sign, so that the first column is not constant.
    """
    rows = _hadamard(order)[random.permutation(order)]
    if mixed:
        rows = rows * random.choice([-1, 1], size=(order, 1))
    return np.concatenate([rows, -rows])[:count]


def _hadamard(order: int) -> np.ndarray:
    """Returns a Hadamard matrix whose first column is 1: Sylvester's, or Paley's first."""
    if order == _power(order):
        return hadamard(order)
    prime = order - 1
    numbers = np.arange(prime)
    residue = np.where(np.isin(numbers, numbers[1:] ** 2 % prime), 1, -1)
    matrix = np.ones((order, order), int)
    matrix[1:, 1:] = residue[(numbers[None, :] - numbers[:, None]) % prime]
    np.fill_diagonal(matrix[1:, 1:], -1)
    return matrix


def _order(least: int) -> int:
    """Returns the smallest order, not below `least`, of a matrix that `_hadamard` gives."""
    return next(n for n in itertools.count(least) if n == _power(n) or _is_paley(n))


def _is_paley(order: int) -> bool:
    """Says whether order - 1 is a prime that leaves 3 on division by 4."""
    prime = order - 1
    return order % 4 == 0 and all(prime % n for n in range(2, math.isqrt(prime) + 1))


def _power(least: int) -> int:
    """Returns the smallest power of two not below `least`."""
    return 1 << (least - 1).bit_length()
