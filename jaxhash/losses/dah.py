"""DAH: distances of shrunk codes, uniformity, and a classifier on the code (equations 1 to 6)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs
from jaxhash.models import quantizers


def similar_distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns W1 of a similar pair, DAH equation 2: the Euclidean distance of the two codes.

    The equation has a subscript 2 on the norm and the text says "Euclidean distance": the norm,
    not its square. At distance 0 its derivative is taken to be 0.

    Args:
      x: [b k] codes in [1/4, 3/4].
      y: [n k].

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(similar_distance(jnp.array([[0.25, 0.5]]), jnp.array([[0.75, 0.5], [0.25, 0.5]])))
    [[0.5 0. ]]
    """
    squared = distances.sum_over_bits(_square, x, y)
    apart = squared > 0
    # The root's derivative at 0 is infinite, and infinity times 0 is NaN: keep the root away.
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squared, 1.0)), 0.0)


def dissimilar_distance(x: jax.Array, y: jax.Array, threshold: float) -> jax.Array:
    """Returns W1 of a dissimilar pair, DAH equation 2: |t + sum_k log(1 - |x^k - y^k|)|.

    The logarithm is natural: a bit that differs by 1/2 adds log 2, so t = k / 4.8 corresponds to
    .30 k differing bits; with the decimal logarithm it would be .69 k, more than any ten codes can
    differ in pairwise.

    Args:
      x: [b k] codes in [1/4, 3/4].
      y: [n k].
      threshold: t.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(dissimilar_distance(jnp.array([[0.25]]), jnp.array([[0.75]]), 1.0).round(4))
    [[0.3069]]
    """
    return jnp.abs(threshold + distances.sum_over_bits(_log, x, y))


def _square(x: jax.Array, y: jax.Array) -> jax.Array:
    return (x - y) ** 2


def _log(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.log1p(-jnp.abs(x - y))


def uniformity(x: jax.Array, y: jax.Array) -> jax.Array:
    """Returns W2, DAH equation 4: (sum_k (x^k - 1/2) + sum_k (y^k - 1/2))^2, for every pair.

    It balances all bits of a pair together, not each bit over the images.

    Args:
      x: [b k] codes in [1/4, 3/4].
      y: [n k].

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(uniformity(jnp.array([[0.75, 0.75]]), jnp.array([[0.75, 0.5], [0.25, 0.25]])))
    [[0.5625 0.    ]]
    """
    surplus, other = (jnp.sum(codes - 0.5, axis=1) for codes in (x, y))
    return (surplus[:, None] + other[None, :]) ** 2


def build(
    similarity_weight: float = 1.0,
    uniformity_weight: float = 1.0,
    classification_weight: float = 1.0,
    threshold_divisor: float = 4.8,
) -> HashLoss:
    """Builds the mean over ordered pairs i != j of phi1 W1 + phi2 W2, plus cross-entropy.

    DAH equation 6 for the pairs of a batch; the paper minimises it together with the cross-entropy
    of the classification layer and names no weight between the two, so it is 1.

    Args:
      similarity_weight: phi1.
      uniformity_weight: phi2.
      classification_weight: of the cross-entropy.
      threshold_divisor: t = k / threshold_divisor.

    Returns:
      the loss, without state; it needs a classifier, and one label an image ("One-Hot tags").

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2), logits=jnp.zeros((2, 2)))
    >>> loss, _, _ = build().apply((), codes, codes)
    >>> print(loss.round(4))  # 4 / 4.8 + log 2
    [1.5265 1.5265]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        x, y = (quantizers.shrink_sigmoid(codes.u) for codes in (rows, columns))
        threshold = x.shape[1] / threshold_divisor
        similar = pairs.similarity(rows.labels, columns.labels)
        distance = jnp.where(
            similar > 0, similar_distance(x, y), dissimilar_distance(x, y, threshold)
        )
        valid = pairs.distinct(rows.index, columns.index)
        distance = pairs.mean_over_columns(distance, valid)
        uneven = pairs.mean_over_columns(uniformity(x, y), valid)
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        loss = (
            similarity_weight * distance
            + uniformity_weight * uneven
            + classification_weight * entropy
        )
        right = rows.logits.argmax(axis=1) == rows.labels.argmax(axis=1)
        metrics = {
            "distance": distance.mean(),
            "uniformity": uneven.mean(),
            "cross_entropy": entropy.mean(),
            "accuracy": right.mean(),
        }
        return loss, state, metrics

    return HashLoss(stateless, apply, needs_logits=True, single_label=True)
