"""HRMPA: polarisation towards class targets, and an asymmetric loss. A reading of an abstract.

The abstract (Liu and Xu, Computer Science 52(8), 2025) says that "the polarization loss and
asymmetric loss are combined with a certain weight allocation ratio", and prints neither. Taken are
the losses of those names: the polarisation of DPN (Fan et al., IJCAI 2020) and the asymmetric loss
of ADSH (Jiang and Li, AAAI 2018), each divided by its size, so that the ratio means something.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task, adsh, dpn
from jaxhash.losses import _centres as class_centres
from jaxhash.losses import _classes as classes
from jaxhash.losses._memory_bank import Bank, empty, remember


class State(NamedTuple):
    """The state of the loss.

    centres: [l k] targets of the classes. tie: [k], bits where the vote of several labels is tied.
    bank: the network's last codes. learnt: [n k] of -1 and +1, learnt codes, or ().
    """

    centres: jax.Array
    tie: jax.Array
    bank: Bank
    learnt: Any


def build(
    weight: float = 0.5,
    margin: float = 1.0,
    gamma: float = 0.1,
    balanced: bool = True,
    db_codes: str = "network",
    centres: str = "published",
) -> HashLoss:
    """Builds w L_pol + (1 - w) L_asym on u = tanh(output).

        L_pol  = mean_k max(m - u^k t^k, 0)
        L_asym = mean_j (u . v_j / k - S_j)^2 + gamma mean_k (v^k - u^k)^2

    where t is the target of the image's class or classes (`classes.target`), and v_j the code of
    the training image j.

    Args:
      weight: w.
      margin: m; DPN has 1.
      gamma: weight of the distance to the image's own code on the other side.
      balanced: whether S of a dissimilar pair is minus the ratio of similar to dissimilar pairs in
        the batch, so that both kinds have the same total weight (ADSH's released code), or -1.
      db_codes: `"network"`: v_j is the sign of the network's last output for image j, and database
        images are encoded by the network. `"learnt"`: as ADSH, v_j is a code of its own, learnt
        from the labels after each epoch and after the last step, and these codes are searched. This
        gives higher results, and does not hash images that were not trained on; each result
        records it.
      centres: how the targets of classes are chosen, `"published"` or `"balanced"`
        (`jaxhash/losses/_centres.py`). With 10 classes, the published 32 and 64 bits have 16
        different columns, and constant ones; balanced, all differ and none is constant.

    Returns:
      the loss; its state is a `State`.
    """
    learns = adsh.learns_codes("hrmpa", db_codes)
    class_centres.check("hrmpa", centres)
    if not 0 <= weight <= 1:
        raise UserError(f"loss.hrmpa.weight={weight}: expected a number from 0 to 1")

    def init(task: Task) -> State:
        targets, tie = class_centres.centres(centres, task.labels.shape[1], task.bits)
        return State(
            centres=jnp.asarray(targets),
            tie=jnp.asarray(tie),
            bank=empty(task),
            learnt=adsh.random_codes(task) if learns else (),
        )

    def apply(state: State, rows: Codes, columns: Codes):
        rows, columns = (codes._replace(u=jnp.tanh(codes.u)) for codes in (rows, columns))
        state = state._replace(bank=remember(state.bank, columns))
        bank = state.bank
        v = state.learnt if learns else jnp.where(bank.u >= 0, 1.0, -1.0)
        known = jnp.ones_like(bank.seen) if learns else bank.seen
        distance = adsh.distance(rows, columns, v, bank.labels, known, balanced)
        own = jnp.mean((v[rows.index] - rows.u) ** 2, axis=1)
        targets = classes.target(state.centres, rows.labels, state.tie)
        polar = dpn.polarisation(rows.u, targets, margin)
        metrics = {
            "polarisation": polar.mean(),
            "asymmetric": distance.mean(),
            "quantisation": own.mean(),
        }
        return weight * polar + (1 - weight) * (distance + gamma * own), state, metrics

    def after_epoch(state: State) -> State:
        n, bits = state.learnt.shape  # gamma is that of means, ADSH's of sums
        learnt = adsh.learn_codes(state.learnt, state.bank, gamma * n * bits, balanced)
        return state._replace(learnt=learnt)

    if learns:
        return HashLoss(init, apply, after_epoch, database_codes=lambda state: state.learnt)
    return HashLoss(init, apply)
