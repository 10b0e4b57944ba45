"""HashFormer: a classifier of codes, and average precision (Li et al., SPL 2022). A reading.

The abstract names codes as the representation before a classifier, and "a novel average precision
loss", whose form was not available. Taken is the average precision with ties in closed form, over
soft counts at each Hamming distance (He et al., CVPR 2018).
"""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes
from jaxhash.losses import _pairs as pairs


def average_precision(
    distance: jax.Array, similar: jax.Array, valid: jax.Array, bits: int
) -> jax.Array:
    """Returns a smooth average precision of each row, from soft counts at each distance d.

        AP = (1 / N+) sum_d c+_d (C+_(d-1) + C+_d + 1) / (C_(d-1) + C_d + 1)

    where an image at distance x counts max(0, 1 - |x - d|) at d, c+ are counts of similar images,
    and C sums of counts up to d.

    Args:
      distance: [b n] in [0, k].
      similar: [b n] s, 0 or 1.
      valid: [b n] bool.
      bits: k.

    Returns:
      [b]; 1 for a row without a similar image.

    >>> print(average_precision(jnp.array([[0.0, 2.0]]), jnp.eye(2)[:1], jnp.ones((1, 2), bool), 2))
    [1.]
    """
    at = jnp.arange(bits + 1)

    def one_row(row: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        x, near, known = row
        counts = jax.nn.relu(1 - jnp.abs(x[:, None] - at[None, :])) * known[:, None]
        relevant = (counts * near[:, None]).sum(axis=0)
        both = jnp.stack([relevant, counts.sum(axis=0)])
        upto = jnp.cumsum(both, axis=1)
        before = upto - both
        above, below = before + upto + 1
        total = relevant.sum()
        precision = (relevant * above / below).sum() / jnp.maximum(total, 1e-6)
        return jnp.where(total > 0, precision, 1.0)

    # The gradient computes each row again, rather than keep an array [b n k] of them all.
    return jax.lax.map(jax.checkpoint(one_row), (distance, similar, valid))


def build(precision_weight: float = 1.0) -> HashLoss:
    """Builds cross-entropy(W v, y) + lambda (1 - AP) with v = tanh(u).

    Distances are (k - <v_i, v_j>) / 2, to the other images of the global batch. The head's
    classifier takes tanh(u) (`model.head.classifier.activation="tanh"`).

    Args:
      precision_weight: lambda.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2), logits=jnp.zeros((2, 2)))
    >>> print(build().apply((), codes, codes)[0].round(4))  # log 2; no image has a similar one
    [0.6931 0.6931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        v, others = jnp.tanh(rows.u), jnp.tanh(columns.u)
        bits = v.shape[1]
        distance = (bits - jnp.einsum("bk,nk->bn", v, others)) / 2
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        precision = average_precision(distance, similar, valid, bits)
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        metrics = {"cross_entropy": entropy.mean(), "average_precision": precision.mean()}
        return entropy + precision_weight * (1 - precision), state, metrics

    return HashLoss(stateless, apply, needs_logits=True)
