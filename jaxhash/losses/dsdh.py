"""DSDH: pairwise likelihood, and discrete codes that classify linearly (Li et al., NIPS 2017)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task, adsh
from jaxhash.losses import _coordinates as coordinates
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank, empty, remember


class State(NamedTuple):
    """The state of the loss.

    bank: the network's last outputs of the training images. codes: [n k] B, of -1 and +1.
    """

    bank: Bank
    codes: jax.Array


def build(mu: float = 0.01, nu: float = 1.0, eta: float = 0.01) -> HashLoss:
    """Builds the pairwise likelihood plus eta mean_k (b^k - u^k)^2, and learns the codes b.

    Equation 6 is sum over pairs (log(1 + exp(theta)) - s theta) + mu |Y - B W|^2 + nu |W|^2 +
    eta |B - U|^2 with theta = <u_i, u_j> / 2. The network is trained on the first and the last
    term, averaged over pairs, and over images and bits. After each epoch (and the last step) B and
    W are learnt, with the network's last outputs as U: W by ridge regression, then B bit by bit,
    discrete coordinate descent with P = Y W^T + (eta / mu) U (section 3.3). B starts at random. The
    weights are those of a public implementation that learns; in the public one best known, the
    terms of B and W have no effect on the network, and the last term is missing.

    Args:
      mu: weight of the classification.
      nu: weight of the size of W.
      eta: weight of the quantisation error.

    Returns:
      the loss; its state is a `State`.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build(eta=0.5)
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0].round(4))  # log 2 + .5
    [1.1931 1.1931]
    """
    if mu <= 0:
        raise UserError(f"loss.dsdh.mu={mu}: expected a number above 0")

    def init(task: Task) -> State:
        return State(empty(task), adsh.random_codes(task))

    def apply(state: State, rows: Codes, columns: Codes):
        state = state._replace(bank=remember(state.bank, columns))
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = pairs.negative_log_likelihood(rows.u, columns.u, similar)
        likelihood = pairs.mean_over_columns(likelihood, valid)
        error = jnp.mean((state.codes[rows.index] - rows.u) ** 2, axis=1)
        metrics = {"likelihood": likelihood.mean(), "quantisation": error.mean()}
        return likelihood + eta * error, state, metrics

    def after_epoch(state: State) -> State:
        labels = state.bank.labels.astype(jnp.float32)
        weights = coordinates.ridge(state.codes, labels, nu / mu)
        pull = jnp.einsum("nl,kl->nk", labels, weights) + eta / mu * state.bank.u
        products = jnp.einsum("kl,jl->kj", weights, weights)
        return state._replace(codes=coordinates.descend(state.codes, products, pull))

    return HashLoss(init, apply, after_epoch)
