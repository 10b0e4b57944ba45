"""DSHSD: distances of codes, and a classifier of them (Wu et al., IEEE Access 2019)."""

import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, dsh, stateless
from jaxhash.losses import _classes as classes
from jaxhash.losses import _pairs as pairs


def build(margin: float = 2.0, alpha: float = 0.05) -> HashLoss:
    """Builds cross-entropy(W v, y) + alpha (s/2 d + (1 - s)/2 max(m - d, 0)), v = tanh(u).

    With d = |v_i - v_j|^2, averaged over the pairs i != j of the batch; as a public implementation
    has it, since the paper was not available. The head's classifier takes tanh(u), without bias
    (`model.head.classifier.activation="tanh"`). With several labels an image, the target is
    y / |y|_1, where that implementation has a sigmoid for each label.

    Args:
      margin: m / k.
      alpha: weight of the distances.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.zeros((2, 4)), jnp.eye(2), jnp.arange(2), logits=jnp.zeros((2, 2)))
    >>> print(build().apply((), codes, codes)[0].round(2))  # log 2 + .05 * 8 / 2
    [0.89 0.89]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        similar = pairs.similarity(rows.labels, columns.labels)
        valid = pairs.distinct(rows.index, columns.index)
        distance = dsh.contrastive(jnp.tanh(rows.u), jnp.tanh(columns.u), similar, margin)
        distance = pairs.mean_over_columns(distance, valid)
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        metrics = {"cross_entropy": entropy.mean(), "distance": distance.mean()}
        return entropy + alpha * distance, state, metrics

    return HashLoss(stateless, apply, needs_logits=True)
