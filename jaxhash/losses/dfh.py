"""DFH: pairwise likelihood with a margin, and codes near the centres of classes (BMVC 2019).

Li, Pei, Zheng, van Gemert, "Push for Quantization: Deep Fisher Hashing".
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _classes as classes
from jaxhash.losses import _coordinates as coordinates
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank, empty, remember


class State(NamedTuple):
    """The state of the loss.

    bank: the network's last outputs of the training images. centres: [l k] of -1 and +1, and 0
    until they are learnt for the first time.
    """

    bank: Bank
    centres: jax.Array


def learn_centres(centres: jax.Array, y: jax.Array, codes: jax.Array, apart: float) -> jax.Array:
    """Updates the centres class by class, by discrete coordinate descent.

        c_i = sign(sum_n y_ni b_n - sum_{j != i} (y_j . y_i) c_j - apart sum_{j != i} c_j)

    which lowers |B - Y C|^2 + apart |C C^T - k (2 I - 1)|^2 (to first order in the second term), as
    in the authors' code: centres near the codes of their class, and away from each other.

    Args:
      centres: [l k] of -1, 0 and +1.
      y: [n l] labels, see `classes.shares`.
      codes: [n k] of -1 and +1.
      apart: weight of the distance between centres.

    Returns:
      [l k] of -1 and +1; a bit for which both values are as good stays, 0 becomes +1.

    >>> y, codes = jnp.eye(2), jnp.array([[1.0, 1.0], [-1.0, 1.0]])
    >>> print(learn_centres(jnp.zeros((2, 2)), y, codes, 0.0))
    [[ 1.  1.]
     [-1.  1.]]
    """
    wanted = jnp.einsum("nl,nk->lk", y, codes)
    products = jnp.einsum("nl,nj->lj", y, y) + apart
    return coordinates.descend(centres.T, products, wanted.T).T


def build(margin: float = 3.0, mu: float = 0.1, apart: float = 1.0, eta: float = 0.5) -> HashLoss:
    """Builds (1 - s) log(1 + exp(m + theta)) + s log(1 + exp(m - theta)), and eta mean_k (b - u)^2.

    theta = <u_i, u_j> / 2, averaged over the pairs i != j of the batch; b = sign(u + mu y C), a
    constant to the gradient, is drawn to the centre of the image's class. The centres are learnt
    after each epoch, from the codes of all training images (`learn_centres`), where public code
    takes 200 steps of gradient descent for each batch; until then they are 0, and b = sign(u).

    Args:
      margin: m; 3 for CIFAR-10 in the authors' code.
      mu: weight of the centre in b.
      apart: weight of the distance between centres.
      eta: weight of the quantisation error.

    Returns:
      the loss; its state is a `State`.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build(margin=0.0, eta=1.0)
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0].round(4))  # log 2 + 1
    [1.6931 1.6931]
    """

    def codes_of(u: jax.Array, labels: jax.Array, centres: jax.Array) -> jax.Array:
        drawn = u + mu * jnp.einsum("nl,lk->nk", classes.shares(labels), centres)
        return jax.lax.stop_gradient(jnp.where(drawn >= 0, 1.0, -1.0))

    def init(task: Task) -> State:
        return State(empty(task), jnp.zeros((task.labels.shape[1], task.bits)))

    def apply(state: State, rows: Codes, columns: Codes):
        state = state._replace(bank=remember(state.bank, columns))
        theta = jnp.einsum("bk,nk->bn", rows.u, columns.u) / 2
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        likelihood = jax.nn.softplus(margin + jnp.where(similar > 0, -theta, theta))
        likelihood = pairs.mean_over_columns(likelihood, valid)
        error = jnp.mean((codes_of(rows.u, rows.labels, state.centres) - rows.u) ** 2, axis=1)
        metrics = {"likelihood": likelihood.mean(), "quantisation": error.mean()}
        return likelihood + eta * error, state, metrics

    def after_epoch(state: State) -> State:
        bank = state.bank
        codes = codes_of(bank.u, bank.labels, state.centres) * bank.seen[:, None]
        y = classes.shares(bank.labels)
        return state._replace(centres=learn_centres(state.centres, y, codes, apart))

    return HashLoss(init, apply, after_epoch)
