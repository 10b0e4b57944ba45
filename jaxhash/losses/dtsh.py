"""DTSH: likelihood of triplets (Wang, Shi and Kitani, ACCV 2016)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _pairs as pairs
from jaxhash.losses import _triplets as triplets


def build(margin: float = 0.5, quantisation_weight: float = 1.0) -> HashLoss:
    """Builds the mean of -log sigma(theta_ij - theta_il - alpha), and a quantisation error.

    theta_ij = <u_i, u_j> / 2, over images j similar and l dissimilar to i in the global batch,
    equation 6; for an image that lacks either, 0. Plus lambda mean_k (b^k - u^k)^2 with b =
    sign(u), a constant to the gradient. The paper has sums; means make lambda independent of the
    batch and of k.

    Args:
      margin: alpha / k; the paper has alpha = k / 2.
      quantisation_weight: lambda.

    Returns:
      the loss, without state.

    >>> labels = jnp.array([[1, 0], [1, 0], [0, 1]])
    >>> codes = Codes(jnp.zeros((3, 4)), labels, jnp.arange(3))
    >>> loss, _, _ = build(quantisation_weight=0.0).apply((), codes, codes)
    >>> print(loss.round(4))  # log(1 + exp(2)); the third image has no similar one
    [2.1269 2.1269 0.    ]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        alpha = margin * rows.u.shape[1]

        def likelihood(near: jax.Array, far: jax.Array) -> jax.Array:
            return jax.nn.softplus(far - near + alpha)

        theta = jnp.einsum("bk,nk->bn", rows.u, columns.u) / 2
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        triplet = triplets.mean_over_triplets(likelihood, theta, similar, valid)
        error = pairs.quantisation_error(rows.u)
        metrics = {"triplets": triplet.mean(), "quantisation": error.mean()}
        return triplet + quantisation_weight * error, state, metrics

    return HashLoss(stateless, apply)
