"""Attention between channels, over a few images at a time on a CPU."""

from collections.abc import Callable

import jax

# Scores, 4 bytes each, that stay in the cache of a core (benchmarks/log.md).
CACHED = 2**20


def attend(function: Callable[[jax.Array], jax.Array], a: jax.Array) -> jax.Array:
    """Applies attention between channels to all images; on a CPU, to a few of them at a time.

    The scores [b c c] of a whole batch do not fit into a CPU's cache, and each pass over them
    (maximum, mean, exponential, and those of the gradient) then waits for memory. The gradient
    computes the scores of its few images again, so that those of the batch are never kept.

    Args:
      function: maps [... n c] to [... n c], each image by itself.
      a: [... n c]; divided where it is [b n c].

    >>> import jax.numpy as jnp
    >>> attend(lambda a: 2 * a, jnp.ones((3, 1, 1024))).shape
    (3, 1, 1024)
    """
    images = max(1, CACHED // a.shape[-1] ** 2)
    # A symbolic batch, in a network that is exported for any number of images, cannot be divided.
    if a.ndim != 3 or not isinstance(a.shape[0], int) or a.shape[0] <= images:
        return function(a)

    def few_at_a_time(a: jax.Array) -> jax.Array:
        return jax.lax.map(jax.checkpoint(function), a, batch_size=images)

    return jax.lax.platform_dependent(a, cpu=few_at_a_time, default=function)
