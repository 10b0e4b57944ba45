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
from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _centres as class_centres
from jaxhash.losses import _classes as classes
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank, empty, remember

DATABASE_CODES = ("network", "learnt")
OWN_KEY = 2**31  # of the seed: beyond the numbers of steps, which have keys of the same sequence
ROWS_AT_ONCE = 1_024  # of the training images, where all are paired with all


class State(NamedTuple):
    """The state of the loss.

    centres: [l k] targets of the classes. tie: [k], bits where the vote of several labels is tied.
    bank: the network's last codes. learnt: [n k] of -1 and +1, learnt codes, or ().
    """

    centres: jax.Array
    tie: jax.Array
    bank: Bank
    learnt: Any


def polarisation(u: jax.Array, targets: jax.Array, margin: float) -> jax.Array:
    """Returns mean_k max(m - u^k t^k, 0), DPN equation 3 divided by k.

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


def asymmetric(u: jax.Array, v: jax.Array, wanted: jax.Array) -> jax.Array:
    """Returns (u . v / k - S)^2 for every pair, the first term of ADSH equation 3 divided by k^2.

    Args:
      u: [b k] real codes.
      v: [n k] codes of the other side, -1 and +1.
      wanted: [b n] S.

    Returns:
      [b n].

    >>> import jax.numpy as jnp
    >>> print(asymmetric(jnp.ones((1, 2)), jnp.array([[1.0, 1.0], [1.0, -1.0]]), jnp.ones((1, 2))))
    [[0. 1.]]
    """
    return (jnp.einsum("bk,nk->bn", u, v) / u.shape[1] - wanted) ** 2


def learn_codes(v: jax.Array, bank: Bank, gamma: float, balanced: bool) -> jax.Array:
    """Updates learnt codes bit by bit, ADSH equation 10 (discrete coordinate descent).

        v_k = -sign(2 V_rest U_rest^T u_k + q_k),   Q = -2 k S^T U - 2 gamma' U

    which minimises sum_ij (u_i . v_j - k S_ij)^2 + gamma' sum_i |v_i - u_i|^2 over one bit of all
    codes, the others held. ADSH samples the images on the network's side anew each time; here they
    are all training images, by their last codes. gamma' = gamma n k undoes the division by size in
    the loss.

    Args:
      v: [n k] learnt codes, -1 and +1.
      bank: the network's codes of the same images.
      gamma: weight of the distance between both.
      balanced: see `build`.

    Returns:
      [n k] of -1 and +1; a bit for which both values are as good stays.
    """
    n, bits = v.shape
    u = bank.u
    spread = _dissimilar(_share_of_similar(bank.labels, bank.labels), balanced)

    def against_all(labels: jax.Array) -> jax.Array:
        wanted = _wanted(pairs.similarity(labels, bank.labels), spread)
        return jnp.einsum("bn,nk->bk", wanted, u)

    q = -2 * bits * _by_rows(against_all, bank.labels) - 2 * gamma * n * bits * u
    products = jnp.einsum("nk,nj->kj", u, u)

    def one_bit(k: int, v: jax.Array) -> jax.Array:
        others = products[:, k].at[k].set(0.0)
        slope = 2 * jnp.einsum("nj,j->n", v, others) + q[:, k]
        return v.at[:, k].set(jnp.where(slope == 0, v[:, k], -jnp.sign(slope)))

    return jax.lax.fori_loop(0, bits, one_bit, v)


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
    if db_codes not in DATABASE_CODES:
        raise UserError(f"loss.hrmpa.db_codes={db_codes}: expected network or learnt")
    if centres not in class_centres.CHOICES:
        raise UserError(f"loss.hrmpa.centres={centres}: expected published or balanced")
    if not 0 <= weight <= 1:
        raise UserError(f"loss.hrmpa.weight={weight}: expected a number from 0 to 1")
    learns = db_codes == "learnt"

    def init(task: Task) -> State:
        targets, tie = class_centres.centres(centres, task.labels.shape[1], task.bits)
        # ADSH starts from random codes too.
        key = jax.random.fold_in(jax.random.key(task.seed), OWN_KEY)
        coins = jax.random.bernoulli(key, shape=(len(task.labels), task.bits))
        return State(
            centres=jnp.asarray(targets),
            tie=jnp.asarray(tie),
            bank=empty(task),
            learnt=jnp.where(coins, 1.0, -1.0) if learns else (),
        )

    def apply(state: State, rows: Codes, columns: Codes):
        rows, columns = (codes._replace(u=jnp.tanh(codes.u)) for codes in (rows, columns))
        state = state._replace(bank=remember(state.bank, columns))
        bank = state.bank
        v = state.learnt if learns else jnp.where(bank.u >= 0, 1.0, -1.0)
        known = jnp.ones_like(bank.seen) if learns else bank.seen
        share = _share_of_similar(columns.labels, bank.labels, known)
        similar = pairs.similarity(rows.labels, bank.labels)
        wanted = _wanted(similar, _dissimilar(share, balanced))
        valid = jnp.broadcast_to(known[None, :], wanted.shape)
        distance = pairs.mean_over_columns(asymmetric(rows.u, v, wanted), valid)
        own = jnp.mean((v[rows.index] - rows.u) ** 2, axis=1)
        targets = classes.target(state.centres, rows.labels, state.tie)
        polar = polarisation(rows.u, targets, margin)
        metrics = {
            "polarisation": polar.mean(),
            "asymmetric": distance.mean(),
            "quantisation": own.mean(),
        }
        return weight * polar + (1 - weight) * (distance + gamma * own), state, metrics

    def after_epoch(state: State) -> State:
        return state._replace(learnt=learn_codes(state.learnt, state.bank, gamma, balanced))

    if learns:
        return HashLoss(init, apply, after_epoch, database_codes=lambda state: state.learnt)
    return HashLoss(init, apply)


def _wanted(similar: jax.Array, dissimilar: jax.Array) -> jax.Array:
    return jnp.where(similar > 0, 1.0, dissimilar)


def _dissimilar(share: jax.Array, balanced: bool) -> jax.Array:
    """Turns the share of similar pairs into S of a dissimilar one."""
    return -share / jnp.maximum(1 - share, 1e-6) if balanced else -jnp.ones(())


def _share_of_similar(rows: jax.Array, columns: jax.Array, known: jax.Array | None = None):
    weight = jnp.ones(len(columns)) if known is None else known.astype(jnp.float32)

    def count(labels: jax.Array) -> jax.Array:
        return jnp.einsum("bn,n->b", pairs.similarity(labels, columns), weight)

    return _by_rows(count, rows).mean() / weight.sum()


def _by_rows(function, rows: jax.Array) -> jax.Array:
    """Applies a function of rows [b ...] in parts, so that no array [n n] is needed."""
    return jax.lax.map(lambda row: function(row[None])[0], rows, batch_size=ROWS_AT_ONCE)
