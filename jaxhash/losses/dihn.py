"""DIHN: ADSH for a database to which new classes are added (Wu et al., CVPR 2019)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task, adsh
from jaxhash.losses._memory_bank import Bank, empty, remember


class State(NamedTuple):
    """The state of the loss.

    bank: the network's last codes of the training images. learnt: [n k] of -1 and +1, their learnt
    codes. step: steps done. start: the step from which on there are new classes.
    """

    bank: Bank
    learnt: jax.Array
    step: jax.Array
    start: jax.Array


def build(
    gamma: float = 200.0,
    balance_weight: float = 50.0,
    new_classes: int = 3,
    balanced: bool = True,
    db_codes: str = "learnt",
) -> HashLoss:
    """Builds the objective of DIHN, a reading, divided by n k^2 and averaged over the batch.

        L = mean_j (u . b_j / k - S_j)^2 + gamma / (n k) mean_k (b^k - u^k)^2
            + mu b / (n k^2) sum_k (mean of u^k over the batch)^2

    with u = tanh(output). In the first half of the training there are only images without a label
    of the last `new_classes` classes, and the objective is ADSH's. Then the codes of these images
    are fixed, the others come, and theirs are learnt: what the paper calls incremental hashing,
    which starts from a database with codes. The last term keeps bits balanced. The published code
    has mu times the sum of all outputs there, which has no lower bound; the square of each bit's
    sum, as the paper's text speaks of bits that are balanced, is read.

    Args:
      gamma: weight of the distance to the image's own code; 200 in the paper.
      balance_weight: mu; 50 in the paper.
      new_classes: how many classes come later; 3 of 10 in the paper.
      balanced: see `jaxhash.losses.adsh`.
      db_codes: `"learnt"`: the learnt codes are searched, as published; `"network"`: database
        images are encoded by the network.

    Returns:
      the loss; its state is a `State`.

    Raises:
      UserError: there would be no class at first, or `db_codes` is neither.

    >>> task = Task(4, jnp.eye(2), total_steps=2)
    >>> loss = build(gamma=0.0, balanced=False, new_classes=1)
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0])  # of the old image alone, S = 1
    [2. 0.]
    """
    learns = adsh.learns_codes("dihn", db_codes)
    if new_classes < 0:
        raise UserError(f"loss.dihn.new_classes={new_classes}: expected at least 0")

    def init(task: Task) -> State:
        if new_classes >= task.labels.shape[1]:
            raise UserError(
                f"loss.dihn.new_classes={new_classes}: the data have {task.labels.shape[1]} "
                "classes; expected fewer, since training begins with the others"
            )
        start = jnp.asarray(task.total_steps // 2 if new_classes else 0, jnp.int32)
        return State(empty(task), adsh.random_codes(task), jnp.zeros((), jnp.int32), start)

    def is_old(labels: jax.Array) -> jax.Array:
        first = labels.shape[1] - new_classes
        return ~(labels[:, first:] > 0).any(axis=1)

    def apply(state: State, rows: Codes, columns: Codes):
        rows, columns = (codes._replace(u=jnp.tanh(codes.u)) for codes in (rows, columns))
        all_there = state.step >= state.start
        row, column, known = (
            (is_old(labels) | all_there).astype(jnp.float32)
            for labels in (rows.labels, columns.labels, state.bank.labels)
        )
        state = state._replace(bank=remember(state.bank, columns), step=state.step + 1)
        n, bits = state.learnt.shape
        shared = (state.learnt, state.bank.labels, known > 0, balanced, column)
        apart = adsh.distance(rows, columns, *shared)
        own = jnp.mean((state.learnt[rows.index] - rows.u) ** 2, axis=1)
        count = jnp.maximum(column.sum(), 1)
        mean = jnp.einsum("b,bk->k", column, columns.u) / count
        balance = (mean**2).sum()
        # Averaged over the batch, this is the mean over the images that are there.
        share = row * len(columns.u) / count
        metrics = {"asymmetric": (share * apart).mean(), "quantisation": (share * own).mean()}
        losses = share * (apart + gamma / (n * bits) * own)
        weight = balance_weight * count / (n * bits**2)
        return losses + share * weight * balance, state, metrics | {"balance": balance}

    def after_epoch(state: State) -> State:
        old = is_old(state.bank.labels)
        later = (state.step > state.start) & (new_classes > 0)
        free = jnp.where(later, ~old, old)
        asking = (old | later) & state.bank.seen
        learnt = adsh.learn_codes(state.learnt, state.bank, gamma, balanced, asking, free)
        return state._replace(learnt=learnt)

    codes = (lambda state: state.learnt) if learns else None
    return HashLoss(init, apply, after_epoch, database_codes=codes)
