"""HashNet: weighted pairwise likelihood on codes that steepen to signs (Cao et al., ICCV 2017)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _pairs as pairs


def overlap(rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Returns c = |y_i and y_j| / |y_i or y_j| where images share a label, and 1 where they do not.

    HashNet's weight of a pair with several labels; with one label an image it is 1.

    Args:
      rows: [b l] labels, 0 or 1.
      columns: [n l] labels, 0 or 1.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(overlap(jnp.array([[1, 1]]), jnp.array([[1, 0], [1, 1], [0, 0]])))
    [[0.5 1.  1. ]]
    """
    y, z = rows.astype(jnp.float32), columns.astype(jnp.float32)
    both = jnp.einsum("bl,nl->bn", y, z)
    either = y.sum(axis=1)[:, None] + z.sum(axis=1)[None, :] - both
    return jnp.where(both > 0, both / jnp.maximum(either, 1), 1.0)


def build(
    alpha: float = 10.0, gamma: float = 0.005, power: float = 0.5, every: int = 200
) -> HashLoss:
    """Builds the weighted likelihood of pairs on h = tanh(beta u), HashNet equation 4.

        L = mean over pairs of w (log(1 + exp(a <h_i, h_j>)) - s a <h_i, h_j>),  a = alpha / k

    w = c |S| / |S_1| for similar and |S| / |S_0| for dissimilar pairs (equation 2), counted in the
    global batch, as the authors' code does, and c of `overlap`. beta grows while training, so that
    tanh becomes the sign (continuation): beta = (1 + gamma t)^power at step t, renewed each
    `every` steps, as in the authors' code; the paper says no more than that beta grows in stages.
    An image is not paired with itself, and every logarithm is a softplus, where that code takes two
    separate batches and a linear branch above 15.

    Args:
      alpha: the authors' code has 10 / k.
      gamma, power, every: of beta.

    Returns:
      the loss; its state is the number of steps taken.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build().apply(jnp.int32(0), codes, codes)[0].round(4))
    [0.6931 0.6931]
    """

    def init(task: Task) -> jax.Array:
        return jnp.int32(0)

    def apply(state: jax.Array, rows: Codes, columns: Codes):
        beta = (1 + gamma * (state // every * every)) ** power
        h, others = jnp.tanh(beta * rows.u), jnp.tanh(beta * columns.u)
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        weight = pairs.balanced_weight(similar, pairs.share_of_similar(columns))
        weight = weight * overlap(rows.labels, columns.labels)
        likelihood = pairs.negative_log_likelihood(h, others, similar, scale=alpha / h.shape[1])
        likelihood = pairs.mean_over_columns(weight * likelihood, valid)
        return likelihood, state + 1, {"likelihood": likelihood.mean(), "beta": beta}

    return HashLoss(init, apply)
