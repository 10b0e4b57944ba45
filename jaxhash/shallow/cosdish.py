"""COSDISH: column sampling based discrete supervised hashing (Kang, Li and Zhou, AAAI 2016)."""

from functools import partial

import numpy as np

from jaxhash.errors import UserError
from jaxhash.shallow import Hyperplanes, Method


def fit(
    vectors: np.ndarray,
    labels: np.ndarray,
    bits: int,
    seed: int = 0,
    rounds: int = 10,
    turns: int = 3,
) -> Hyperplanes:
    """Fits codes B to |k S - B B^T|^2 on sampled columns, and hyperplanes to the codes.

    A round samples k columns of S, and takes turns: the codes of all other images are
    sgn(S^rest B^sampled), equation 4; those of the sampled images are improved bit by bit,
    equation 5. S is 1 for images that share a label, and for others minus the ratio of similar to
    other pairs; the paper's released code rescales the two further, by factors that its text does
    not give. The paper solves for a bit of the sampled images by a clustering with a guarantee of a
    factor of two; here the images' bits are flipped one at a time while that lowers the same
    objective. Out of sample, codes are those of a ridge regression, as published.

    Args:
      vectors: [n d].
      labels: [n c] 0 or 1.
      bits: k, below n.
      seed: of the first codes and of the columns.
      rounds: 10 in the paper.
      turns: of a round, 3 in the paper.

    Raises:
      UserError: there are too few vectors.

    >>> draw = np.random.default_rng(0)
    >>> labels = np.eye(2)[draw.integers(0, 2, 200)]
    >>> fit(draw.normal(size=(200, 3)) + 4 * labels[:, :1], labels, 4).directions.shape
    (3, 4)
    """
    count = len(vectors)
    if bits >= count:
        raise UserError(f"{bits} bits: expected more than {bits} training images, not {count}")
    draw = np.random.default_rng(seed)
    codes = draw.choice([-1.0, 1.0], (count, bits))
    far = -_ratio(labels)
    for _ in range(rounds):
        sampled = np.sort(draw.permutation(count)[:bits])
        wanted = np.where(labels.astype(float) @ labels[sampled].T > 0, 1.0, far)
        rest = np.delete(np.arange(count), sampled)
        for _ in range(turns):
            pull = wanted[rest] @ codes[sampled]
            codes[rest] = np.where(pull == 0, codes[rest], np.sign(pull))
            codes[sampled] = sampled_codes(codes[sampled], codes[rest], wanted, sampled, rest)
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    gram = centred.T @ centred + np.eye(centred.shape[1])
    return Hyperplanes(mean, np.linalg.solve(gram, centred.T @ codes))


def sampled_codes(
    own: np.ndarray, others: np.ndarray, wanted: np.ndarray, sampled: np.ndarray, rest: np.ndarray
) -> np.ndarray:
    """Flips bits of sampled images while that lowers |k S - B B^T|^2 on their columns.

    Args:
      own: [m k] codes of the sampled images.
      others: [n - m, k] of the other images.
      wanted: [n m] S.
      sampled, rest: their rows of S.

    Returns:
      [m k] codes from which no single flip lowers the objective.
    """
    own, bits = own.copy(), own.shape[1]
    changed = True
    while changed:
        changed = False
        for k in range(bits):
            bit, other = own[:, k], others[:, k]
            # What the other bits leave of k S, for the columns that this bit is in.
            left = bits * wanted[sampled] - own @ own.T + np.outer(bit, bit)
            outside = bits * wanted[rest] - others @ own.T + np.outer(other, bit)
            pull = outside.T @ other  # [m]; each pair with an image outside is in one column
            np.fill_diagonal(left, 0)
            # The objective has each pair of sampled images twice: in the columns of both.
            for j in np.flatnonzero(bit * (2 * left @ bit + pull) < 0):
                if bit[j] * (2 * left[j] @ bit + pull[j]) < 0:
                    own[j, k] = -bit[j]  # bit is a view of it
                    changed = True
    return own


def build(rounds: int = 10, turns: int = 3) -> Method:
    """Returns the method; see `fit`."""
    if min(rounds, turns) < 1:
        raise UserError("model.shallow.cosdish: expected rounds and turns of at least 1")
    return Method(partial(fit, rounds=rounds, turns=turns), Hyperplanes.shapes)


def _ratio(labels: np.ndarray) -> float:
    """Returns the ratio of similar to other pairs, itself included; 1 where there are no others."""
    rows = labels.astype(float)
    similar = sum(
        int((part @ rows.T > 0).sum()) for part in np.array_split(rows, -(-len(rows) // 1_024))
    )
    other = len(rows) ** 2 - similar
    return similar / other if other else 1.0
