"""HashGAN's hash objective: weighted likelihood of cosines (Cao et al., CVPR 2018).

Only what trains the hash network on real images. The paper first trains a generator of images,
conditioned on pairs (PC-WGAN), and adds its images as pairs of weight .1; that part is left out, so
this is not the paper's whole method. Another HashGAN of the same conference (Ghasedi Dizaji et al.)
is unsupervised.
"""

import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs


def build(alpha: float = 10.0) -> HashLoss:
    """Builds the mean over pairs of w (log(1 + exp(alpha c)) - s alpha c) with c = cos(u_i, u_j).

    w = |S| / |S_1| for similar pairs, counted in the global batch, and 1 for dissimilar ones, as in
    the authors' code.

    Args:
      alpha: steepness of the likelihood; 10 in the authors' code.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.eye(2), jnp.eye(2), jnp.arange(2))
    >>> print(build().apply((), codes, codes)[0].round(4))  # c = 0: log 2
    [0.6931 0.6931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        weight = pairs.balanced_weight(similar, pairs.share_of_similar(columns))
        weight = jnp.where(similar > 0, weight, 1.0)
        u, v = distances.unit(rows.u), distances.unit(columns.u)
        likelihood = pairs.negative_log_likelihood(u, v, similar, scale=alpha)
        likelihood = pairs.mean_over_columns(weight * likelihood, valid)
        return likelihood, state, {"likelihood": likelihood.mean()}

    return HashLoss(stateless, apply)
