"""Shared by losses without labels: codes that keep the cosines of features."""

import jax

from jaxhash.losses import Codes
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs


def lost_similarity(codes: jax.Array, others: jax.Array, rows: Codes, columns: Codes) -> jax.Array:
    """Averages (cos(b_i, b_j) - cos(x_i, x_j))^2 over the images j != i of the batch.

    Args:
      codes: [b k] of the rows.
      others: [n k] of the columns.
      rows, columns: of the batch, with `features` x, which get no gradient.

    Returns:
      [b].
    """
    assert rows.features is not None and columns.features is not None
    wanted = jax.lax.stop_gradient(distances.cosine(rows.features, columns.features))
    lost = (distances.cosine(codes, others) - wanted) ** 2
    return pairs.mean_over_columns(lost, pairs.distinct(rows.index, columns.index))
