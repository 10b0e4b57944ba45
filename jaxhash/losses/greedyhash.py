"""Greedy hash (Su et al., NeurIPS 2018): classification of sign codes, and a cubic penalty."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes


def penalty(u: jax.Array) -> jax.Array:
    """Returns mean_k ||u^k| - 1|^3, that of u to its sign (greedy hash, equation 10, p = 3).

    The paper has the sum, its code the mean over the bits; the mean does not change with k.

    Args:
      u: [b k] outputs of the hash layer.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> print(penalty(jnp.array([[2.0, -1.0], [0.0, 0.0]])))
    [0.5 1. ]
    """
    return jnp.mean(jnp.abs(jnp.abs(u) - 1) ** 3, axis=1)


def build(alpha: float = 0.1) -> HashLoss:
    """Builds cross-entropy(W sign(u), y) + alpha penalty(u).

    The head's classifier takes sign(u) in the forward pass, and its gradient passes to u unchanged
    (`model.head.classifier.activation="sign"`, `jaxhash.models.quantizers.sign`): the greedy
    strategy. With several labels an image, the target is y / |y|_1.

    Args:
      alpha: weight of the penalty; .1 for CIFAR-10 in the paper.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.ones((1, 4)), jnp.eye(1), jnp.arange(1), logits=jnp.zeros((1, 1)))
    >>> print(build().apply((), codes, codes)[0])
    [0.]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        away = penalty(rows.u)
        metrics = {"cross_entropy": entropy.mean(), "penalty": away.mean()}
        return entropy + alpha * away, state, metrics

    return HashLoss(stateless, apply, needs_logits=True)
