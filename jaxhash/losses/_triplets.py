"""Shared by triplet losses: an image, a similar and a dissimilar one, without an array [b n n]."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

AT_ONCE = 2**18  # triplets: of batches of 64 all, of 512 and more those of a row


def mean_over_triplets(
    f: Callable[[jax.Array, jax.Array], jax.Array],
    scores: jax.Array,
    similar: jax.Array,
    valid: jax.Array,
) -> jax.Array:
    """Averages f(score_ij, score_il) over j similar and l dissimilar to i, row by row.

    Args:
      f: (similar [n 1], dissimilar [1 n]) -> [n n].
      scores: [b n] of pairs.
      similar: [b n] s, 0 or 1.
      valid: [b n] bool, the pairs to take.

    Returns:
      [b]; 0 for a row without a similar or without a dissimilar image.

    >>> import jax.numpy as jnp
    >>> scores, similar = jnp.array([[5.0, 1.0, 2.0]]), jnp.array([[1.0, 0.0, 0.0]])
    >>> print(mean_over_triplets(jnp.subtract, scores, similar, jnp.ones((1, 3), bool)))
    [3.5]
    """

    def one_row(row: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        score, near, known = row
        chosen = ((near > 0) & known)[:, None] & ((near == 0) & known)[None, :]
        total = jnp.where(chosen, f(score[:, None], score[None, :]), 0).sum()
        return total / jnp.maximum(chosen.sum(), 1)

    # The gradient computes rows again, rather than keep an array [b n n] of them all.
    at_once = max(1, min(len(scores), AT_ONCE // scores.shape[1] ** 2))
    return jax.lax.map(jax.checkpoint(one_row), (scores, similar, valid), batch_size=at_once)
