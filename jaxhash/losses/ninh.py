"""NINH: triplets of distances between codes from 0 to 1 (Lai, Pan, Liu, Yan, CVPR 2015).

Also known as DNNH. Its head, which divides the features into a part for each bit, is
`jaxhash/models/heads/divided.py`.
"""

import jax

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs
from jaxhash.losses import _triplets as triplets


def build(margin: float = 1.0) -> HashLoss:
    """Builds the mean of max(0, m + |F_i - F_j|^2 - |F_i - F_l|^2) with F = sigma(u).

    Over images j similar and l dissimilar to i in the global batch, equation 2; for an image that
    lacks either, 0. The bits are F >= 1/2, so u >= 0 as everywhere here.

    Args:
      margin: m; 1 in the paper.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> labels = jnp.array([[1, 0], [1, 0], [0, 1]])
    >>> codes = Codes(jnp.zeros((3, 4)), labels, jnp.arange(3))
    >>> print(build().apply((), codes, codes)[0])  # the third image has no similar one
    [1. 1. 0.]
    """

    def hinge(near: jax.Array, far: jax.Array) -> jax.Array:
        return jax.nn.relu(margin + near - far)

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        f, others = jax.nn.sigmoid(rows.u), jax.nn.sigmoid(columns.u)
        distance = distances.squared_distance(f, others)
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        triplet = triplets.mean_over_triplets(hinge, distance, similar, valid)
        return triplet, state, {"triplets": triplet.mean()}

    return HashLoss(stateless, apply)
