"""LCDSH: pairwise likelihood, and likelihoods that binary codes keep (Zhu and Gao, IJCAI 2017)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _pairs as pairs
from jaxhash.models import quantizers


def build(locality_weight: float = 3.0) -> HashLoss:
    """Builds the pairwise likelihood plus lambda (sigma(theta) - sigma(theta_b))^2 for every pair.

        L = mean over pairs of log(1 + exp(-s theta)) + lambda (sigma(theta) - sigma(theta_b))^2

    with s = -1 or +1, theta = <u_i, u_j> / 2 and theta_b = <b_i, b_j> / 2 of b = sign(u), which is
    a constant to the gradient. The first term equals log(1 + exp(theta)) - s' theta with s' = 0 or
    1. As a public implementation has it, since the paper was not available; lambda is that
    implementation's, for CIFAR-10.

    Args:
      locality_weight: lambda.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.ones((2, 4)), jnp.ones((2, 1)), jnp.arange(2))
    >>> print(build().apply((), codes, codes)[0].round(4))  # log(1 + exp(-2)); the codes are binary
    [0.1269 0.1269]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(rows.u, columns.u, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        real, binary = (
            jax.nn.sigmoid(jnp.einsum("bk,nk->bn", u, v) / 2)
            for u, v in (
                (rows.u, columns.u),
                tuple(jax.lax.stop_gradient(quantizers.sign(x.u)) for x in (rows, columns)),
            )
        )
        local = pairs.mean_over_columns((real - binary) ** 2, valid)
        metrics = {"likelihood": likelihood.mean(), "locality": local.mean()}
        return likelihood + locality_weight * local, state, metrics

    return HashLoss(stateless, apply)
