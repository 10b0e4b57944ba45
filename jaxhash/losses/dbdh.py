"""DBDH: pairwise likelihood of discrete codes, and bit balance (Zheng et al., 2020)."""

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _pairs as pairs
from jaxhash.losses.dhida import BALANCE_AXES, balance
from jaxhash.models import quantizers


def build(alpha: float = 0.1, balance_axis: str = "samples") -> HashLoss:
    """Builds the pairwise likelihood on b = sign(u) plus alpha times the balance of bits.

        L = mean over pairs of log(1 + exp(theta)) - s theta + alpha balance(b)

    with theta = <b_i, b_j> / 2. The gradient at b passes to u where |u| <= 1 (straight-through).
    The paper (Deep Balanced Discrete Hashing, Neurocomputing 403) was not available. Its idea,
    codes that are discrete while training and bits that are half -1 and half +1 over the images, is
    taken from its abstract; public implementations cut u to [-1, 1] without a sign, and average
    over the bits of each image.

    Args:
      alpha: weight of the balance.
      balance_axis: see `jaxhash.losses.dhida.balance`.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> codes = Codes(jnp.array([[0.5, 0.5], [-0.5, -0.5]]), jnp.eye(2), jnp.arange(2))
    >>> print(build().apply((), codes, codes)[0].round(2))  # log(1 + exp(-1))
    [0.31 0.31]
    """
    if balance_axis not in BALANCE_AXES:
        raise UserError(f"loss.dbdh.balance_axis {balance_axis!r}: expected samples or bits")

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        b, others = (quantizers.sign(quantizers.clipped(x.u)) for x in (rows, columns))
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(b, others, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        balanced = balance(others, balance_axis)
        metrics = {"likelihood": likelihood.mean(), "balance": balanced}
        return likelihood + alpha * balanced, state, metrics

    return HashLoss(stateless, apply)
