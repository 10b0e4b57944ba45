"""Greedy hash without labels: sign codes that keep the cosines of features (Su et al., 2018)."""

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _features as features
from jaxhash.losses.greedyhash import penalty
from jaxhash.models import quantizers


def build(alpha: float = 1.0) -> HashLoss:
    """Builds the mean of (cos(b_i, b_j) - cos(x_i, x_j))^2 over pairs, plus alpha penalty(u).

    b = sign(u) with the gradient of the greedy hash, which passes unchanged, and x the features
    that the hash layer is given (section 3.4 of the paper), which get no gradient from it. The
    published code pairs the first half of a batch with the second; here all pairs i != j are.
    Labels are not used.

    Args:
      alpha: weight of the penalty; 1 in the published code.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> u, x = jnp.array([[1.0, 1.0], [-1.0, -1.0]]), jnp.array([[1.0], [-1.0]])
    >>> codes = Codes(u, jnp.zeros((2, 1)), jnp.arange(2), features=x)
    >>> print(build().apply((), codes, codes)[0].round(6))
    [0. 0.]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        own, others = (quantizers.sign(codes.u) for codes in (rows, columns))
        lost, away = features.lost_similarity(own, others, rows, columns), penalty(rows.u)
        metrics = {"lost_similarity": lost.mean(), "penalty": away.mean()}
        return lost + alpha * away, state, metrics

    return HashLoss(stateless, apply)
