"""DCH: pairwise likelihood by a Cauchy distribution of distances (Cao et al., CVPR 2018)."""

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs

LEAST = 1e-6  # distance: of the logarithm


def build(gamma: float = 20.0, quantisation_weight: float = 0.1) -> HashLoss:
    """Builds DCH equation 9 on the real codes u.

        L = mean over pairs of w (s log(d_ij / gamma) + log(1 + gamma / d_ij))
            + lambda log(1 + d(|u_i|, 1) / gamma),         d(x, y) = k/2 (1 - cos(x, y))

    which is -s log(gamma / (gamma + d)) - (1 - s) log(d / (gamma + d)): a pair is similar with
    probability gamma / (gamma + d), so that codes within few bits matter most. w = |S| / |S_1| or
    |S| / |S_0|, counted in the global batch. Distances below 1e-6 count as that.

    Args:
      gamma: scale of the distribution, in bits.
      quantisation_weight: lambda.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.array([[1.0, 1.0], [-1.0, -1.0]]), jnp.eye(2), jnp.arange(2))
    >>> print(build(gamma=2.0).apply((), codes, codes)[0].round(4))  # d = 2: log 2
    [0.6931 0.6931]
    """
    check_gamma("dch", gamma)

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        share = pairs.share_of_similar(columns)
        cauchy, error = terms(rows, columns, share, gamma)
        metrics = {"cauchy": cauchy.mean(), "quantisation": error.mean()}
        return cauchy + quantisation_weight * error, state, metrics

    return HashLoss(stateless, apply)


def terms(
    rows: Codes, columns: Codes, share: jax.Array, gamma: float
) -> tuple[jax.Array, jax.Array]:
    """Returns both terms of an image, [b] each: of its pairs, and of its quantisation.

    Args:
      rows, columns: of a batch, with real codes.
      share: of similar pairs, see `pairs.share_of_similar`.
      gamma: scale of the distribution, in bits.
    """
    bits = rows.u.shape[1]
    distance = bits / 2 * (1 - distances.cosine(rows.u, columns.u))
    distance = jnp.maximum(distance, LEAST)
    similar = pairs.similarity(rows.labels, columns.labels)
    valid = pairs.distinct(rows.index, columns.index)
    weight = pairs.balanced_weight(similar, share)
    cauchy = similar * jnp.log(distance / gamma) + jnp.log1p(gamma / distance)
    away = bits / 2 * (1 - distances.unit(jnp.abs(rows.u)).sum(axis=1) / jnp.sqrt(bits))
    return pairs.mean_over_columns(weight * cauchy, valid), jnp.log1p(away / gamma)


def check_gamma(loss: str, gamma: float) -> None:
    """Raises UserError for a scale that is not above 0."""
    if gamma <= 0:
        raise UserError(f"loss.{loss}.gamma={gamma}: expected a number above 0")
