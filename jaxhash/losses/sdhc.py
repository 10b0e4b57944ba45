"""SDH-C: deep hashing for compact codes, with a classifier (Liong et al., CVPR 2015)."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxhash.losses import Codes, HashLoss, stateless
from jaxhash.losses import _classes as classes
from jaxhash.losses import _pairs as pairs


def from_orthogonal(kernel: jax.Array) -> jax.Array:
    """Returns the mean over k^2 entries of (W^T W - I)^2 of the weights [d k] of a hash layer.

    >>> print(from_orthogonal(jnp.eye(3)[:, :2]), from_orthogonal(jnp.zeros((3, 2))))
    0.0 0.5
    """
    products = jnp.einsum("dk,dj->kj", kernel, kernel)
    return jnp.mean((products - jnp.eye(kernel.shape[1])) ** 2)


def build(
    quantisation_weight: float = 0.001,
    variance_weight: float = 1.0,
    orthogonality_weight: float = 0.001,
) -> HashLoss:
    """Builds cross-entropy + l1 mean (u - sign(u))^2 - l2 / 2 mean u^2 + l3 mean (W^T W - I)^2.

    u = tanh(output). The terms J1 to J3 of equation 4, averaged where the paper sums, and in place
    of its scatter of classes a classifier on u, as FIRe has it: SDH-C. Read there otherwise: its
    J3 draws the products of weights to a matrix of ones, the paper's text to the identity.

    Args:
      quantisation_weight, variance_weight, orthogonality_weight: l1 to l3; FIRe's values.

    Returns:
      the loss, without state.

    >>> codes = Codes(jnp.zeros((1, 4)), jnp.eye(2)[:1], jnp.arange(1), logits=jnp.zeros((1, 2)))
    >>> print(build().apply((), codes, codes)[0].round(3))  # log 2 + .001
    [0.694]
    """

    def apply(state: tuple[()], rows: Codes, columns: Codes):
        assert rows.logits is not None  # needs_logits
        u = jnp.tanh(rows.u)
        entropy = classes.cross_entropy(rows.logits, rows.labels)
        away, spread = pairs.quantisation_error(u), jnp.mean(u**2, axis=1)
        loss = entropy + quantisation_weight * away - variance_weight / 2 * spread
        metrics = {
            "cross_entropy": entropy.mean(),
            "quantisation": away.mean(),
            "variance": spread.mean(),
        }
        return loss, state, metrics

    def regulariser(head: Any) -> jax.Array:
        return orthogonality_weight * from_orthogonal(head["hash"]["dense"]["kernel"])

    return HashLoss(stateless, apply, needs_logits=True, regulariser=regulariser)
