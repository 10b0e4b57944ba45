"""ADSH: the network's codes against learnt codes of the database (Jiang and Li, AAAI 2018)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _coordinates as coordinates
from jaxhash.losses import _pairs as pairs
from jaxhash.losses._memory_bank import Bank, empty, remember

DATABASE_CODES = ("network", "learnt")
OWN_KEY = 2**31  # of the seed: beyond the numbers of steps, which have keys of the same sequence


class State(NamedTuple):
    """The state of the loss.

    bank: the network's last codes of the training images. learnt: [n k] of -1 and +1, their learnt
    codes.
    """

    bank: Bank
    learnt: jax.Array


def asymmetric(u: jax.Array, v: jax.Array, wanted: jax.Array) -> jax.Array:
    """Returns (u . v / k - S)^2 for every pair, the first term of equation 3 divided by k^2.

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


def distance(
    rows: Codes,
    columns: Codes,
    v: jax.Array,
    labels: jax.Array,
    known: jax.Array,
    balanced: bool,
    asking: jax.Array | None = None,
) -> jax.Array:
    """Averages `asymmetric` over all training images whose code is known.

    Args:
      rows, columns: of a batch, with codes in [-1, 1].
      v: [n k] codes of the training images, -1 and +1.
      labels: [n l] of the training images.
      known: [n] bool.
      balanced: see `build`.
      asking: bool, which columns count in the share of similar pairs; None for all.

    Returns:
      [b].
    """
    share = _share_of_similar(columns.labels, labels, known, asking)
    wanted = _wanted(pairs.similarity(rows.labels, labels), _dissimilar(share, balanced))
    valid = jnp.broadcast_to(known[None, :], wanted.shape)
    return pairs.mean_over_columns(asymmetric(rows.u, v, wanted), valid)


def learn_codes(
    v: jax.Array,
    bank: Bank,
    gamma: float,
    balanced: bool,
    asking: jax.Array | None = None,
    free: jax.Array | None = None,
) -> jax.Array:
    """Updates learnt codes bit by bit, equation 10 (discrete coordinate descent).

        v_k = -sign(2 V_rest U_rest^T u_k + q_k),   Q = -2 k S^T U - 2 gamma U

    which minimises sum_ij (u_i . v_j - k S_ij)^2 + gamma sum_i |v_i - u_i|^2 over one bit of all
    codes, the others held.

    Args:
      v: [n k] learnt codes, -1 and +1.
      bank: the network's codes of the same images.
      gamma: weight of the distance between both, of sums as in the paper.
      balanced: see `build`.
      asking: [n] bool, whose u count; None for all.
      free: [n] bool, whose codes are learnt, the others stay; None for all.

    Returns:
      [n k] of -1 and +1; a bit for which both values are as good stays.
    """
    bits = v.shape[1]
    u = bank.u if asking is None else jnp.where(asking[:, None], bank.u, 0)
    share = _share_of_similar(bank.labels, bank.labels, free, asking)
    spread = _dissimilar(share, balanced)

    def against_all(labels: jax.Array) -> jax.Array:
        wanted = _wanted(pairs.similarity(labels, bank.labels), spread)
        return jnp.einsum("bn,nk->bk", wanted, u)

    pull = bits * pairs.by_rows(against_all, bank.labels) + gamma * u  # -Q / 2
    found = coordinates.descend(v, jnp.einsum("nk,nj->kj", u, u), pull)
    return found if free is None else jnp.where(free[:, None], found, v)


def random_codes(task: Task) -> jax.Array:
    """Draws a code of -1 and +1 for each training image, [n k], by the seed of the run."""
    key = jax.random.fold_in(jax.random.key(task.seed), OWN_KEY)
    coins = jax.random.bernoulli(key, shape=(len(task.labels), task.bits))
    return jnp.where(coins, 1.0, -1.0)


def learns_codes(loss: str, db_codes: str) -> bool:
    """Says whether `db_codes` asks for learnt codes; raises UserError for an unknown choice."""
    if db_codes not in DATABASE_CODES:
        raise UserError(f"loss.{loss}.db_codes={db_codes}: expected network or learnt")
    return db_codes == "learnt"


def build(gamma: float = 200.0, balanced: bool = True, db_codes: str = "learnt") -> HashLoss:
    """Builds ADSH equation 3 on u = tanh(output), divided by n k^2 and averaged over the batch.

        L = mean_j (u . v_j / k - S_j)^2 + gamma / (n k) mean_k (v^k - u^k)^2

    v_j is the code of training image j, learnt from the labels after each epoch and after the last
    step. The paper samples 2,000 images of the database for the network's side, passes over them
    three times and learns the codes then, as `train.order=sampled` does; otherwise an epoch is one
    pass over all training images. The network's side when codes are learnt is all images that were
    in a batch before, by their last codes; in the paper it is those of the last sample alone.

    Args:
      gamma: weight of the distance to the image's own code; 200 in the paper.
      balanced: whether S of a dissimilar pair is minus the ratio of similar to dissimilar pairs in
        the batch, so that both kinds have the same total weight (the released code), or -1.
      db_codes: `"learnt"`: the learnt codes are searched, as published. That gives higher results,
        and does not hash images that were not trained on; each result records it. `"network"`:
        database images are encoded by the network.

    Returns:
      the loss; its state is a `State`.

    >>> task = Task(4, jnp.eye(2))
    >>> loss = build(gamma=0.0, balanced=False)
    >>> codes = Codes(jnp.zeros((2, 4)), task.labels, jnp.arange(2))
    >>> print(loss.apply(loss.init(task), codes, codes)[0])  # S = 1 and -1, and all products are 0
    [1. 1.]
    """
    learns = learns_codes("adsh", db_codes)

    def init(task: Task) -> State:
        return State(empty(task), random_codes(task))

    def apply(state: State, rows: Codes, columns: Codes):
        rows, columns = (codes._replace(u=jnp.tanh(codes.u)) for codes in (rows, columns))
        state = state._replace(bank=remember(state.bank, columns))
        n, bits = state.learnt.shape
        known = jnp.ones(n, bool)
        apart = distance(rows, columns, state.learnt, state.bank.labels, known, balanced)
        own = jnp.mean((state.learnt[rows.index] - rows.u) ** 2, axis=1)
        metrics = {"asymmetric": apart.mean(), "quantisation": own.mean()}
        return apart + gamma / (n * bits) * own, state, metrics

    def after_epoch(state: State) -> State:
        return state._replace(learnt=learn_codes(state.learnt, state.bank, gamma, balanced))

    codes = (lambda state: state.learnt) if learns else None
    return HashLoss(init, apply, after_epoch, database_codes=codes)


def _wanted(similar: jax.Array, dissimilar: jax.Array) -> jax.Array:
    return jnp.where(similar > 0, 1.0, dissimilar)


def _dissimilar(share: jax.Array, balanced: bool) -> jax.Array:
    """Turns the share of similar pairs into S of a dissimilar one."""
    return -share / jnp.maximum(1 - share, 1e-6) if balanced else -jnp.ones(())


def _share_of_similar(
    rows: jax.Array,
    columns: jax.Array,
    known: jax.Array | None = None,
    asking: jax.Array | None = None,
) -> jax.Array:
    weight = jnp.ones(len(columns)) if known is None else known.astype(jnp.float32)

    def count(labels: jax.Array) -> jax.Array:
        return jnp.einsum("bn,n->b", pairs.similarity(labels, columns), weight)

    counts = pairs.by_rows(count, rows)
    mean = counts.mean() if asking is None else jnp.average(counts, weights=asking + 1e-12)
    return mean / weight.sum()
