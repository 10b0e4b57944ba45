"""CNNH: codes from similarities first, then a network that learns them (Xia et al., AAAI 2014)."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task

MOST_IMAGES = 20_000  # whose similarities are an array of 1.6 GB


def decompose(similar: np.ndarray, bits: int, seed: int, sweeps: int) -> np.ndarray:
    """Minimises |S - H H^T / k|^2 over H in [-1, 1], by a Newton step for one entry at a time.

    Algorithm 1 of the paper. From H drawn evenly, each sweep visits all entries in an order that is
    drawn anew. With L = H H^T - k S, entry (i, j) has the derivatives g' = 4 L_i H_j and g'' =
    4 (H_j H_j + H_ij^2 + L_ii), and moves by -g' / g'', cut to [-1, 1]. Where g'' is not above 0,
    which the paper does not treat, it moves to the better of -1 and 1.

    Args:
      similar: [n n] S, 1 or -1, symmetric.
      bits: k.
      seed: of the draws.
      sweeps: over all entries.

    Returns:
      [n k] H.

    >>> codes = decompose(np.array([[1.0, -1.0], [-1.0, 1.0]]), bits=2, seed=0, sweeps=5)
    >>> print((codes @ codes.T / 2).round(2))
    [[ 1. -1.]
     [-1.  1.]]
    """
    draw = np.random.default_rng(seed)
    count = len(similar)
    codes = draw.uniform(-1, 1, (count, bits))
    left = codes @ codes.T - bits * similar
    for _ in range(sweeps):
        for entry in draw.permutation(count * bits):
            i, j = divmod(int(entry), bits)
            column, own = codes[:, j], codes[i, j]
            slope = left[i] @ column
            curve = column @ column + own**2 + left[i, i]
            ends = np.array([-1 - own, 1 - own])
            if curve > 0:
                step = np.clip(-slope / curve, *ends)
            else:
                others = slope - left[i, i] * own, column @ column - own**2
                value = 4 * ends * others[0] + 2 * ends**2 * others[1]
                value += (left[i, i] + 2 * ends * own + ends**2) ** 2 - left[i, i] ** 2
                step = ends[value.argmin()] if value.min() < 0 else 0.0
            if step:
                left[i] += step * column
                left[:, i] += step * column
                left[i, i] += step**2
                codes[i, j] = own + step
    return codes


def build(sweeps: int = 5) -> HashLoss:
    """Builds the mean over bits of (tanh(u) - H)^2, H a code of -1 and +1 for each training image.

    H is found before training, of the labels alone, by `decompose` and its sign. The paper trains
    the network to H by the squared error too (stage 2); its variant CNNH+ with a classifier beside
    the hash layer is not built.

    Args:
      sweeps: of `decompose`; the paper says that few are enough, public code has 5.

    Returns:
      the loss; its state is H.

    Raises:
      UserError: fewer than one sweep.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build()
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.prepare(loss.init(task), task), codes, codes)[0])
    [1. 1.]
    """
    if sweeps < 1:
        raise UserError(f"loss.cnnh.sweeps={sweeps}: expected at least 1")

    def init(task: Task) -> jax.Array:
        return jnp.zeros((len(task.labels), task.bits))

    def prepare(state: jax.Array, task: Task) -> np.ndarray:
        labels = np.asarray(task.labels, np.float32)
        if len(labels) > MOST_IMAGES:
            raise UserError(
                f"loss.name=cnnh compares all training images with each other, at most "
                f"{MOST_IMAGES:,}; the protocol has {len(labels):,}"
            )
        similar = np.where(labels @ labels.T > 0, 1.0, -1.0)
        found = decompose(similar, task.bits, task.seed, sweeps)
        return np.where(found >= 0, 1.0, -1.0).astype(np.float32)

    def apply(state: jax.Array, rows: Codes, columns: Codes):
        away = jnp.mean((jnp.tanh(rows.u) - state[rows.index]) ** 2, axis=1)
        return away, state, {"distance": away.mean()}

    return HashLoss(init, apply, prepare=prepare)
