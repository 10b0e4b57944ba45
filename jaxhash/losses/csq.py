"""CSQ: outputs drawn to the hash centre of their class (Yuan et al., CVPR 2020)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _centres as class_centres
from jaxhash.losses import _classes as classes


class State(NamedTuple):
    """The state of the loss: targets [l k] of the classes, and of votes that are tied, [k]."""

    centres: jax.Array
    tie: jax.Array


def central_similarity(u: jax.Array, targets: jax.Array) -> jax.Array:
    """Returns the mean over bits of the cross-entropy of (tanh(u) + 1) / 2, equation 5.

    (tanh(u) + 1) / 2 = sigma(2 u), so that the cross-entropy is softplus(-2 t u), which neither
    overflows nor takes a logarithm of 0.

    Args:
      u: [b k] outputs.
      targets: [b k] t, -1 and +1.

    Returns:
      [b].

    >>> print(central_similarity(jnp.array([[0.0, 50.0]]), jnp.ones((1, 2))).round(4))
    [0.3466]
    """
    return jnp.mean(jax.nn.softplus(-2 * targets * u), axis=1)


def build(quantisation_weight: float = 0.05, centres: str = "published") -> HashLoss:
    """Builds the cross-entropy of bits with the centre, plus lambda mean_k (|tanh(u^k)| - 1)^2.

    With several labels, the centre is the bitwise majority of the labels' (section 3.2).

    Args:
      quantisation_weight: lambda; .05 in the authors' code.
      centres: how the centres are chosen, `"published"` or `"balanced"`, see
        `jaxhash/losses/_centres.py`. Both take any number of bits and classes.

    Returns:
      the loss; its state is a `State`.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build()
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0].round(4))  # log 2 + .05
    [0.7431 0.7431]
    """
    class_centres.check("csq", centres)

    def init(task: Task) -> State:
        return State(
            *map(jnp.asarray, class_centres.centres(centres, task.labels.shape[1], task.bits))
        )

    def apply(state: State, rows: Codes, columns: Codes):
        targets = classes.target(state.centres, rows.labels, state.tie)
        central = central_similarity(rows.u, targets)
        error = jnp.mean((jnp.abs(jnp.tanh(rows.u)) - 1) ** 2, axis=1)
        metrics = {"central": central.mean(), "quantisation": error.mean()}
        return central + quantisation_weight * error, state, metrics

    return HashLoss(init, apply)
