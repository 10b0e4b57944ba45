"""CIBHash: without labels, two views of an image have one code (Qiu et al., IJCAI 2021)."""

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError
from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _distances as distances
from jaxhash.losses import _pairs as pairs
from jaxhash.models import quantizers


def divergence(u: jax.Array, v: jax.Array) -> jax.Array:
    """Returns the sum over bits of KL(Bernoulli(sigmoid(u)) || Bernoulli(sigmoid(v))), per pair.

    Args:
      u: [b k] logits of the bits of the rows.
      v: [n k] logits of the columns.

    Returns:
      [b n].

    >>> divergence(jnp.array([[0.0]]), jnp.array([[0.0], [2.0]])).tolist()
    [[0.0, 0.4337...]]
    """
    p = jax.nn.sigmoid(u)
    # p log p + (1 - p) log(1 - p), and the same with the logarithms of the other's probabilities.
    own = (p * jax.nn.log_sigmoid(u) + (1 - p) * jax.nn.log_sigmoid(-u)).sum(axis=1)
    cross = jnp.einsum("bk,nk->bn", p, jax.nn.log_sigmoid(v))
    cross += jnp.einsum("bk,nk->bn", 1 - p, jax.nn.log_sigmoid(-v))
    return own[:, None] - cross


def build(temperature: float = 0.3, beta: float = 0.001) -> HashLoss:
    """Builds the contrastive loss of codes, plus beta KL between the two views' bits.

        L = -log( exp(cos(z, z') / t) / sum over all other rows of exp(cos(z, .) / t) )
            + beta KL(p || p'),      p = sigmoid(u),  z = sign(p - 1/2)

    equations 6 and 13, z' and p' of the other view of the image; the gradient passes the sign
    unchanged to p, and p' is a constant in the divergence (the published code). The published
    network has a layer of 1,024 units before the bits, `model.head.name=hidden`. Labels are not
    used.

    Args:
      temperature: t; .3 in the published code.
      beta: .001 in the published code.

    Returns:
      the loss, without state; it takes two views of each image.

    Raises:
      UserError: the temperature is not above 0.

    >>> u = jnp.array([[2.0, 2.0], [2.0, 2.0], [-2.0, -2.0], [-2.0, -2.0]])
    >>> codes = Codes(u, jnp.zeros((4, 1)), jnp.array([0, 0, 1, 1]), place=jnp.arange(4))
    >>> print(build().apply((), codes, codes)[0].round(4))  # log(1 + 2 exp(-2 / .3))
    [0.0025 0.0025 0.0025 0.0025]
    """
    if temperature <= 0:
        raise UserError(f"loss.cibhash.temperature={temperature}: expected a number above 0")

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.place is not None and columns.place is not None
        z, others = (quantizers.sign(jax.nn.sigmoid(codes.u) - 0.5) for codes in (rows, columns))
        itself = ~pairs.distinct(rows.place, columns.place)
        view = ~pairs.distinct(rows.index, columns.index) & ~itself
        logits = jnp.where(itself, -jnp.inf, distances.cosine(z, others) / temperature)
        log_share = jnp.where(itself, 0.0, jax.nn.log_softmax(logits, axis=1))
        contrast = -pairs.mean_over_columns(log_share, view)
        apart = divergence(rows.u, jax.lax.stop_gradient(columns.u))
        apart = pairs.mean_over_columns(apart, view)
        metrics = {"contrast": contrast.mean(), "divergence": apart.mean()}
        return contrast + beta * apart, state, metrics

    return HashLoss(stateless, apply, views=2)
