"""Shared by classwise losses: cross-entropy on labels, and the target code of an image."""

import jax
import jax.numpy as jnp
import optax


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
    return optax.losses.softmax_cross_entropy(logits, shares(labels))


def shares(labels: jax.Array) -> jax.Array:
    """Returns y / |y|_1: a row of several labels has the sum 1, one without a label 0.

    Args:
      labels: [b l] y, 0 or 1.

    Returns:
      [b l] float32.

    >>> import jax.numpy as jnp
    >>> print(shares(jnp.array([[0, 1, 1], [0, 0, 0]])))
    [[0.  0.5 0.5]
     [0.  0.  0. ]]
    """
    y = labels.astype(jnp.float32)
    return y / jnp.maximum(y.sum(axis=1, keepdims=True), 1)


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
