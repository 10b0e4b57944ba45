"""DPN: every bit beyond a margin, on the side of its class (Fan et al., IJCAI 2020)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _centres as class_centres
from jaxhash.losses import _classes as classes
from jaxhash.losses._memory_bank import Bank, empty, remember


class State(NamedTuple):
    """The state of the loss.

    centres: [l k] targets of the classes. tie: [k], bits where the vote of several labels is tied.
    bank: the network's last outputs, or () where the targets stay.
    """

    centres: jax.Array
    tie: jax.Array
    bank: Any


def polarisation(u: jax.Array, targets: jax.Array, margin: float) -> jax.Array:
    """Returns mean_k max(m - u^k t^k, 0), equation 3 divided by k.

    Args:
      u: [b k] codes.
      targets: [b k] t, -1 and +1.
      margin: m.

    Returns:
      [b].

    >>> import jax.numpy as jnp
    >>> print(polarisation(jnp.array([[0.5, -1.0]]), jnp.array([[1.0, 1.0]]), 1.0))
    [1.25]
    """
    return jnp.mean(jax.nn.relu(margin - u * targets), axis=1)


def adapt(centres: jax.Array, bank: Bank, margin: float) -> jax.Array:
    """Returns each class's majority of ternary codes: of 0 where |u| < m, else the sign of u.

    Args:
      centres: [l k] targets until now.
      bank: the network's last outputs.
      margin: m.

    Returns:
      [l k] of -1 and +1; a bit whose vote is tied, or of a class not seen yet, stays.

    >>> bank = Bank(jnp.array([[2.0, 0.5], [2.0, -3.0]]), jnp.ones((2, 1)), jnp.ones(2, bool))
    >>> print(adapt(jnp.array([[-1.0, 1.0]]), bank, 1.0))
    [[ 1. -1.]]
    """
    ternary = jnp.where(jnp.abs(bank.u) < margin, 0.0, jnp.sign(bank.u))
    votes = jnp.einsum("nl,nk->lk", bank.labels.astype(jnp.float32), ternary)
    return jnp.where(votes == 0, centres, jnp.sign(votes))


def build(margin: float = 1.0, centres: str = "published", adaptive: bool = False) -> HashLoss:
    """Builds mean_k max(m - u^k t^k, 0), t being the target of the image's class.

    Equation 3, divided by k. With several labels, t is the bitwise majority of the targets.

    Args:
      margin: m.
      centres: how the targets are chosen, `"published"` (rows of a Hadamard matrix, or the best of
        random draws) or `"balanced"`, see `jaxhash/losses/_centres.py`.
      adaptive: whether the targets become, after each epoch, the majority of the ternary codes of
        their classes (DPN-A).

    Returns:
      the loss; its state is a `State`.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build()
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0])
    [1. 1.]
    """
    class_centres.check("dpn", centres)

    def init(task: Task) -> State:
        targets, tie = class_centres.centres(centres, task.labels.shape[1], task.bits)
        bank = empty(task) if adaptive else ()
        return State(jnp.asarray(targets), jnp.asarray(tie), bank)

    def apply(state: State, rows: Codes, columns: Codes):
        if adaptive:
            state = state._replace(bank=remember(state.bank, columns))
        targets = classes.target(state.centres, rows.labels, state.tie)
        loss = polarisation(rows.u, targets, margin)
        return loss, state, {"polarisation": loss.mean()}

    def after_epoch(state: State) -> State:
        return state._replace(centres=adapt(state.centres, state.bank, margin))

    return HashLoss(init, apply, after_epoch if adaptive else None)
