"""Shared by classwise losses: cross-entropy on labels, and a target code for every class."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.linalg import hadamard

DRAWS = 1_000


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Returns -sum_l t_l log softmax(logits)_l with t = y / |y|_1, an example.

    With one label an image this is the usual cross-entropy; with several, all have the
    same weight (the soft labels of FIRe's greedy hash). An image without a label gives 0.

    Args:
      logits: [b l].
      labels: [b l] y, 0 or 1.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> print(cross_entropy(jnp.zeros((1, 4)), jnp.array([[0, 1, 0, 1]])).round(4))
    [1.3863]
    """
    y = labels.astype(jnp.float32)
    targets = y / jnp.maximum(y.sum(axis=1, keepdims=True), 1)
    return optax.losses.softmax_cross_entropy(logits, targets)


def centres(count: int, bits: int, seed: int = 0) -> np.ndarray:
    """Chooses a code for every class, far from all others.

    Where k is a power of two and there are at most 2k classes: rows of the Hadamard matrix and then
    of its negative, which differ in half of the bits or in all (CSQ, section 3.2). Otherwise
    the one of a thousand random draws whose smallest distance between two codes is largest.

    Args:
      count: l, the number of classes.
      bits: k.
      seed: of the draws.

    Returns:
      [l k] float32 of -1 and +1.

    >>> codes = centres(10, 16)
    >>> sorted({int((a != b).sum()) for a in codes for b in codes})
    [0, 8]
    """
    if bits & (bits - 1) == 0 and count <= 2 * bits:
        rows = hadamard(bits)
        return np.concatenate([rows, -rows])[:count].astype(np.float32)
    random = np.random.RandomState(seed)
    best, widest = None, -1.0
    for _ in range(DRAWS):
        codes = random.choice([-1.0, 1.0], size=(count, bits))
        products = codes @ codes.T - 2 * bits * np.eye(count)
        nearest = (bits - products.max()) / 2
        if nearest > widest:
            best, widest = codes, nearest
    return best.astype(np.float32)


def target(centres: jax.Array, labels: jax.Array, tie: jax.Array) -> jax.Array:
    """Returns the target code of an image: that of its class, or the bitwise majority of several.

    Args:
      centres: [l k] of -1 and +1.
      labels: [b l] 0 or 1.
      tie: [k] of -1 and +1, the bits where the vote is tied (CSQ, section 3.2).

    Returns:
      [b k] of -1 and +1.

    >>> import jax.numpy as jnp
    >>> codes = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> print(target(codes, jnp.array([[1, 1]]), jnp.array([1.0, -1.0])))
    [[ 1. -1.]]
    """
    votes = jnp.einsum("bl,lk->bk", labels.astype(jnp.float32), centres)
    return jnp.where(votes == 0, tie[None, :], jnp.sign(votes))
