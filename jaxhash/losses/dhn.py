"""DHN: pairwise cross-entropy, and a smooth quantisation error (Zhu et al., AAAI 2016)."""

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _pairs as pairs


def log_cosh_error(z: jax.Array) -> jax.Array:
    """Returns mean_k log cosh(|z^k| - 1), DHN equation 6: a smooth | |z| - 1 |.

    Args:
      z: [b k] codes.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> print(log_cosh_error(jnp.array([[1.0, -1.0], [0.0, 0.0]])).round(1))
    [0.  0.4]
    """
    away = jnp.abs(jnp.abs(z) - 1)
    # log cosh x = x + log(1 + exp(-2 x)) - log 2, which does not overflow.
    return jnp.mean(away + jax.nn.softplus(-2 * away) - jnp.log(2.0), axis=1)


def build(quantisation_weight: float = 0.1) -> HashLoss:
    """Builds the cross-entropy of pairs on z = tanh(u), plus lambda mean_k log cosh(|z^k| - 1).

        L = mean over pairs of log(1 + exp(<z_i, z_j>)) - s <z_i, z_j>

    DHN equations 4 to 7: the plain inner product, where later methods take half of it. Both terms
    are sums in the paper; means over pairs, and over images and bits, make lambda independent of
    the batch and of k. The paper chose lambda by cross-validation and does not name it; .1 is that
    of a public implementation.

    Args:
      quantisation_weight: lambda.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build(0.0).apply((), codes, codes)[0].round(4))
    [0.6931 0.6931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        z, others = jnp.tanh(rows.u), jnp.tanh(columns.u)
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(z, others, similar, scale=1.0)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        error = log_cosh_error(z)
        metrics = {"likelihood": likelihood.mean(), "quantisation": error.mean()}
        return likelihood + quantisation_weight * error, state, metrics

    return HashLoss(stateless, apply)
