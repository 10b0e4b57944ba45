"""Bi-half net: without labels, codes with as many +1 as -1 in each bit (Li, van Gemert, 2021)."""

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _features as features
from jaxhash.models import quantizers


def build(gamma: float = 6.0) -> HashLoss:
    """Builds the mean of (cos(b_i, b_j) - cos(x_i, x_j))^2 over pairs, b half +1 and half -1.

    Equation 12, with b of `quantizers.half_and_half` over the global batch, and x the features that
    the hash layer is given, which get no gradient from it. The published code pairs the first half
    of a batch with the second; here all pairs i != j are. Labels are not used.

    Args:
      gamma: of the pull of the outputs to the codes; 6 in the published code, divided by n k.

    Returns:
      the loss, without state.

    >>> import jax.numpy as jnp
    >>> u, x = jnp.array([[1.0, 1.0], [-1.0, -1.0]]), jnp.array([[1.0], [-1.0]])
    >>> codes = Codes(u, jnp.zeros((2, 1)), jnp.arange(2), features=x)
    >>> print(build().apply((), codes, codes)[0].round(6))
    [0. 0.]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        # Of the rows of one replica: gradients are averaged over replicas.
        own = quantizers.half_and_half(rows.u, columns.u, gamma / rows.u.size)
        others = quantizers.half_and_half(columns.u, columns.u, 0.0)
        lost = features.lost_similarity(own, others, rows, columns)
        return lost, state, {"lost_similarity": lost.mean()}

    return HashLoss(stateless, apply)
