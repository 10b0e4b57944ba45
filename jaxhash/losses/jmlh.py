"""JMLH: classification of codes drawn at random, and their divergence (Shen et al., ICCVW 2019)."""

import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes
from jaxhash.losses.cibhash import divergence


def build(weight: float = 0.1) -> HashLoss:
    """Builds cross-entropy(W b, y) + lambda KL(p || 1/2), b drawn with the probabilities p.

    Just-maximising-likelihood hashing, equation 8: a variational bound in which the head draws each
    bit b with p = sigmoid(u) while it trains, and takes b = [u >= 0] to encode
    (`model.head.name=stochastic`). With several labels an image, the target is y / |y|_1.

    Args:
      weight: lambda; .1 in the best known public implementation.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.zeros((1, 4)), jnp.eye(2)[:1], jnp.arange(1), logits=jnp.zeros((1, 2)))
    >>> print(build().apply((), codes, codes)[0].round(4))
    [0.6931]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        coin = jnp.zeros((1, rows.u.shape[1]))
        apart = divergence(rows.u, coin)[:, 0]
        metrics = {"cross_entropy": entropy.mean(), "divergence": apart.mean()}
        return entropy + weight * apart, state, metrics

    return HashLoss(stateless, apply, needs_logits=True)
