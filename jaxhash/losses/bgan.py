"""BGAN: without labels, codes of neighbours by features are alike (Song et al., AAAI 2018)."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, Task
from jaxhash.losses import _pairs as pairs

AT_ONCE = 1_024  # rows of the products of all features


def neighbours(features: np.ndarray, nearest: int, shared: int) -> np.ndarray:
    """Finds the images that count as neighbours of each, by the cosine of features.

    Section 3.1: the `nearest` images of largest cosine, and those of the `shared` images whose own
    nearest have most in common with them.

    Args:
      features: [n d].
      nearest: k1, below n.
      shared: k2, below n.

    Returns:
      [n m] int32, ascending in each row; an image itself is among them, and stands in place of what
      a row with fewer lacks.

    >>> neighbours(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), nearest=1, shared=1).tolist()
    [[0, 1, 1], [0, 1, 1], [1, 1, 2]]
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  slow to import, and every command reads this file

    count = len(features)
    size = np.linalg.norm(features, axis=1, keepdims=True)
    unit = (features / np.maximum(size, 1e-12)).astype(np.float32)
    own = np.empty((count, nearest), np.int64)
    for start in range(0, count, AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, count))
        cosine = unit[rows] @ unit.T
        cosine[np.arange(len(rows)), rows] = -np.inf
        own[rows] = np.argsort(-cosine, axis=1, kind="stable")[:, :nearest]
    ones, starts = np.ones(own.size, np.int32), np.arange(0, own.size + 1, nearest)
    lists = csr_array((ones, own.reshape(-1), starts), shape=(count, count))
    found = np.empty((count, nearest + 1 + shared * nearest), np.int32)
    for start in range(0, count, AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, count))[:, None]
        in_common = (lists[rows[:, 0]] @ lists.T).toarray()  # of the nearest of two images
        np.put_along_axis(in_common, rows, -1, axis=1)
        like = np.argsort(-in_common, axis=1, kind="stable")[:, :shared]
        none = np.take_along_axis(in_common, like, axis=1) <= 0
        of_like = np.where(none[:, :, None], rows[:, :, None], own[like])
        both = [own[rows[:, 0]], rows, of_like.reshape(len(rows), -1)]
        found[rows[:, 0]] = np.sort(np.concatenate(both, axis=1), axis=1)
    return found


def are_neighbours(lists: jax.Array, index: jax.Array) -> jax.Array:
    """Tells which images are in which lists.

    Args:
      lists: [b m] ascending, numbers of images.
      index: [n] numbers of images.

    Returns:
      [b n] bool.

    >>> print(are_neighbours(jnp.array([[1, 4, 4]]), jnp.array([0, 1, 4, 5])))
    [[False  True  True False]]
    """

    def one(row: jax.Array) -> jax.Array:
        place = jnp.searchsorted(row, index).clip(max=row.shape[0] - 1)
        return row[place] == index

    return jax.vmap(one)(lists)


def build(
    nearest: int = 20, shared: int = 30, weight: float = 1.0, steepest: float = 10.0
) -> HashLoss:
    """Builds mean over pairs of (z_i . z_j / k - S_ij)^2, plus the distance of z to its sign.

    S is 1 for neighbours by the features of the untrained network and -1 for others, equation 2,
    and z = clip(beta u, -1, 1) with beta growing evenly from 1 to `steepest` over the run, the
    approximated sign of equation 5. The reconstruction by a generator, its perceptual distance and
    the discriminator (equations 7 to 10) are left out: what remains is the objective of the codes.
    Labels are not used.

    Args:
      nearest, shared: see `neighbours`; 20 and 30 in the paper.
      weight: of the distance to the sign.
      steepest: beta at the end.

    Returns:
      the loss; its state is the neighbours, the number of steps taken and of those in all.

    Raises:
      UserError: an option out of its range.

    >>> task = Task(2, jnp.zeros((3, 1)), features=lambda: np.array([[1.0, 0], [1.0, 1], [0, 1.0]]))
    >>> loss = build(nearest=1, shared=1)
    >>> state = loss.prepare(loss.init(task), task)
    >>> codes = Codes(jnp.ones((3, 2)), task.labels, jnp.arange(3))
    >>> print(loss.apply(state, codes, codes)[0])
    [2. 2. 2.]
    """
    if min(nearest, shared) < 1 or steepest < 1:
        raise UserError("loss.bgan: expected nearest, shared and steepest of at least 1")

    def init(task: Task) -> tuple:
        _check(len(task.labels), nearest, shared)
        lists = jnp.zeros((len(task.labels), nearest + 1 + shared * nearest), jnp.int32)
        return lists, jnp.int32(0), jnp.int32(task.total_steps)

    def prepare(state: tuple, task: Task) -> tuple:
        assert task.features is not None  # given to prepare
        return (neighbours(task.features(), nearest, shared), *state[1:])

    def apply(state: tuple, rows: Codes, columns: Codes):
        lists, done, total = state
        beta = 1 + (steepest - 1) * done / total
        z, others = (jnp.clip(beta * codes.u, -1, 1) for codes in (rows, columns))
        wanted = jnp.where(are_neighbours(lists[rows.index], columns.index), 1.0, -1.0)
        products = jnp.einsum("bk,nk->bn", z, others) / z.shape[1]
        valid = pairs.distinct(rows.index, columns.index)
        lost = pairs.mean_over_columns((products - wanted) ** 2, valid)
        away = pairs.quantisation_error(z)
        metrics = {"neighbours": lost.mean(), "quantisation": away.mean(), "beta": beta}
        return lost + weight * away, (lists, done + 1, total), metrics

    return HashLoss(init, apply, prepare=prepare)


def _check(count: int, nearest: int, shared: int) -> None:
    if count <= max(nearest, shared):
        raise UserError(
            f"loss.bgan: nearest={nearest} and shared={shared} need more than "
            f"{max(nearest, shared)} training images; the protocol has {count}"
        )
