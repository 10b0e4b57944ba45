"""PGDH: codes drawn at random, and their reward (Yuan, Ren, Lu and Zhou, ECCV 2018). A reading.

The paper ("Relaxation-Free Deep Hashing via Policy Gradient") was not available. Taken from its
abstract and from those who cite it: bits are drawn by their probabilities, and the network follows
the policy gradient of a reward for similarity. The reward here is a reading.
"""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _pairs as pairs


def draw(key: jax.Array, codes: Codes) -> jax.Array:
    """Draws bits with the probabilities sigma(u), by the number of each image.

    Args:
      key: of the step.
      codes: with u [b k].

    Returns:
      [b k] of -1 and +1, the same for an image on whichever device it is.
    """
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, codes.index)
    coins = jax.vmap(jax.random.bernoulli)(keys, jax.nn.sigmoid(codes.u))
    return jnp.where(coins, 1.0, -1.0)


def reward(rows: Codes, columns: Codes, share: jax.Array) -> jax.Array:
    """Returns sum_j w_ij (2 s_ij - 1) <b_i, b_j> / k / sum_j w_ij over the images j != i.

    Args:
      rows, columns: with drawn codes in place of u.
      share: of similar pairs, see `pairs.share_of_similar`; w weighs both kinds equally.

    Returns:
      [b] in [-1, 1].
    """
    similar = pairs.similarity(rows.labels, columns.labels)
    valid = pairs.distinct(rows.index, columns.index)
    weight = jnp.where(valid, pairs.balanced_weight(similar, share), 0.0)
    agreed = jnp.einsum("bk,nk->bn", rows.u, columns.u) / rows.u.shape[1]
    total = (weight * (2 * similar - 1) * agreed).sum(axis=1)
    return total / jnp.maximum(weight.sum(axis=1), 1e-6)


def build() -> HashLoss:
    """Builds -(R(b) - mean R) log pi(b) / k with b drawn from pi(b^k = 1) = sigma(u^k).

    Its gradient is an estimate of that of the expected reward (REINFORCE), with the mean reward of
    the global batch as the baseline; see `reward`. The reward and the drawn bits are constants to
    the gradient. Division by k makes the learning rate independent of the length.

    Returns:
      the loss; its state is the key of the draws.

    >>> loss = build()
    >>> state = loss.init(Task(4, jnp.eye(2)))
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> losses, _, metrics = loss.apply(state, codes, codes)
    >>> print(losses.shape, -1 <= metrics["reward"] <= 1)
    (2,) True
    """

    def init(task: Task) -> jax.Array:
        return jnp.array([task.seed, 0], jnp.uint32)

    def apply(state: jax.Array, rows: Codes, columns: Codes):
        key = jax.random.fold_in(jax.random.key(state[0]), state[1])
        drawn, others = (codes._replace(u=draw(key, codes)) for codes in (rows, columns))
        share = pairs.share_of_similar(columns)
        mean = pairs.by_rows(lambda rows: reward(rows, others, share), others).mean()
        advantage = reward(drawn, others, share) - mean
        likelihood = -jax.nn.softplus(-drawn.u * rows.u).mean(axis=1)
        return -advantage * likelihood, state.at[1].add(1), {"reward": mean}

    return HashLoss(init, apply)
