"""DHIDA: pairwise likelihood on f(u), and bit balance (equations 1 and 11 to 13)."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank, empty, remember
from jaxhash.models import quantizers

BALANCE_AXES = ("samples", "bits")


def balance(u: jax.Array, axis: str) -> jax.Array:
    """Computes L2 of DHIDA equation 12.

    `"samples"`: sum_n |mean_i u_i^(n)|^2. The printed sum runs over the bits n = 1..K, so the mean
    can only run over the images i, which also agrees with the text: as many -1 as +1 in every bit.
    It is the default. `"bits"`: mean_i |mean_n u_i^(n)|^2, each image's own bits, as the public
    implementations of DBDH have it.

    Args:
      u: [n k] codes of the global batch.
      axis: `"samples"` or `"bits"`.

    Returns:
      a scalar.

    >>> import jax.numpy as jnp
    >>> u = jnp.array([[1.0, 1.0], [1.0, -1.0]])
    >>> print(balance(u, "samples"), balance(u, "bits"))
    1.0 0.5
    """
    if axis == "samples":
        return jnp.sum(jnp.mean(u, axis=0) ** 2)
    return jnp.mean(jnp.mean(u, axis=1) ** 2)


def build(
    gamma: float = 0.1,
    quantizer: str = "piecewise",
    balance_axis: str = "samples",
    memory_bank: bool = False,
) -> HashLoss:
    """Builds L = L1 + gamma L2, DHIDA equation 13.

        L1 = mean over pairs of log(1 + exp(theta_ij)) - s_ij theta_ij,  theta_ij = <u_i, u_j> / 2

    with u = f(output) throughout. Readings taken: equation 11 sums over pairs, here they are
    averaged, so that neither gamma nor the learning rate depends on the size of the batch (the
    public implementations do the same); an image is not paired with itself.
    Section 3.4 defines <h_i, h_j> as half the inner product, and equation 16 agrees.

    Args:
      gamma: weight of the balance term.
      quantizer: `"piecewise"`, f with the straight-through gradient of equation 16; `"clipped"`,
        f with its own derivative; `"identity"` for the ablation row without f; or another of
        `quantizers.BY_NAME`.
      balance_axis: see `balance`.
      memory_bank: pair the batch with the last known code of every training image instead of with
        itself. Codes in the bank get no gradient; images not yet seen are masked.

    Returns:
      the loss; its state is a `Bank`, or () without one.

    >>> import jax.numpy as jnp
    >>> codes = Codes(2 * jnp.eye(2), labels=jnp.eye(2), index=jnp.arange(2))
    >>> loss, _, _ = build(gamma=0.0).apply((), codes, codes)
    >>> print(loss.round(4))
    [0.6931 0.6931]
    """
    if balance_axis not in BALANCE_AXES:
        raise UserError(f"loss.dhida.balance_axis {balance_axis!r}: expected samples or bits")
    f = quantizers.find(quantizer)

    def init(task: Task) -> Bank | tuple[()]:
        return empty(task) if memory_bank else ()

    def apply(state: Any, rows: Codes, columns: Codes):
        rows, columns = (codes._replace(u=f(codes.u)) for codes in (rows, columns))
        if memory_bank:
            state = remember(state, columns)
            others = Codes(state.u, state.labels, jnp.arange(len(state.u)))
            known = state.seen
        else:
            others = columns
            known = jnp.ones(len(columns.u), bool)
        valid = known[None, :] & pairs.distinct(rows.index, others.index)
        similar = pairs.similarity(rows.labels, others.labels)
        likelihood = pairs.negative_log_likelihood(rows.u, others.u, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        balanced = balance(columns.u, balance_axis)
        metrics = {"likelihood": likelihood.mean(), "balance": balanced}
        return likelihood + gamma * balanced, state, metrics

    return HashLoss(init, apply)
