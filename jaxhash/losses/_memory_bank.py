"""The memory bank: the last code of every training image, to pair a batch with all of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, Task


class Bank(NamedTuple):
    """The last code of every training image.

    u: [n k]; 0 for an image that was not in a batch yet. labels: [n l]. seen: [n] bool.
    """

    u: jax.Array
    labels: jax.Array
    seen: jax.Array


def empty(task: Task) -> Bank:
    """Returns a bank without any code.

    >>> bank = empty(Task(4, jnp.eye(3)))
    >>> bank.u.shape, int(bank.seen.sum())
    ((3, 4), 0)
    """
    count = len(task.labels)
    labels = jnp.asarray(task.labels, jnp.uint8)
    return Bank(jnp.zeros((count, task.bits)), labels, jnp.zeros(count, bool))


def remember(bank: Bank, columns: Codes) -> Bank:
    """Writes the codes of a global batch into the bank, without gradient."""
    return bank._replace(
        u=bank.u.at[columns.index].set(jax.lax.stop_gradient(columns.u)),
        seen=bank.seen.at[columns.index].set(True),
    )
