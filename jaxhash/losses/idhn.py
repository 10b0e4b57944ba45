"""IDHN: pairs whose similarity is a share of common labels (Zhang et al., TMM 2019)."""

import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs

HARD = 0.01  # a similarity nearer than this to 0 or 1 is hard


def build(gamma: float = 0.1, alpha: float = 0.1, steepness: float = 5.0) -> HashLoss:
    """Builds a likelihood of hard pairs, a squared error of soft ones, and a quantisation error.

    With S = <y_i, y_j> / (|y_i| |y_j|) of the labels and d = u / (1 + |u|), for a pair

        hard (S is 0 or 1):  log(1 + exp(a x)) - S a x,        x = <d_i, d_j>, a = steepness / k
        soft:                gamma k ((x + k) / (2 k) - S)^2

    averaged over the pairs i != j of the batch, plus alpha mean_k ||d^k| - 1|; as in the authors'
    code. The soft term is least where x = k (2 S - 1), so that equal codes are for S = 1 and
    opposite ones for S = 0; the public port to PyTorch has another minimum, which no codes reach.
    With one label an image all pairs are hard. A product with an image without a label is 0.

    Args:
      gamma: weight of soft pairs.
      alpha: weight of the quantisation error.
      steepness: of the likelihood.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2))
    >>> print(build().apply((), codes, codes)[0].round(4))  # log 2 + alpha
    [0.7931 0.7931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        d, others = (codes.u / (1 + jnp.abs(codes.u)) for codes in (rows, columns))
        bits = d.shape[1]
        y, z = (codes.labels.astype(jnp.float32) for codes in (rows, columns))
        shared = distances.cosine(y, z)
        hard = (shared < HARD) | (shared > 1 - HARD)
        likelihood = pairs.negative_log_likelihood(d, others, shared, scale=steepness / bits)
        product = jnp.einsum("bk,nk->bn", d, others)
        soft = gamma * bits * ((product + bits) / (2 * bits) - shared) ** 2
        valid = pairs.distinct(rows.index, columns.index)
        pair = pairs.mean_over_columns(jnp.where(hard, likelihood, soft), valid)
        error = jnp.mean(jnp.abs(jnp.abs(d) - 1), axis=1)
        metrics = {"pairs": pair.mean(), "quantisation": error.mean()}
        return pair + alpha * error, state, metrics

    return HashLoss(stateless, apply)
