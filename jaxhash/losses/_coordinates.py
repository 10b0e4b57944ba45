"""Discrete coordinate descent: codes that a linear classifier separates (SDH, CVPR 2015)."""

import jax
import jax.numpy as jnp


def descend(codes: jax.Array, weights: jax.Array, pull: jax.Array) -> jax.Array:
    """Lowers |Y - B W|^2 - 2 sum(B P) over B of -1 and +1, bit by bit, the others held.

    With P = Y W^T + nu F, that is |Y - B W|^2 + nu |B - F|^2 without what does not depend on B:

        b_k = sign(q_k - B_rest W_rest w_k^T),   Q = P

    Args:
      codes: [n k] B, -1 and +1.
      weights: [k l] W.
      pull: [n k] Q.

    Returns:
      [n k] of -1 and +1; a bit for which both values are as good stays.

    >>> print(descend(jnp.ones((1, 2)), jnp.eye(2), jnp.array([[-1.0, 2.0]])))
    [[-1.  1.]]
    """
    products = jnp.einsum("kl,jl->kj", weights, weights)

    def one_bit(k: int, codes: jax.Array) -> jax.Array:
        others = products[:, k].at[k].set(0.0)
        value = pull[:, k] - jnp.einsum("nj,j->n", codes, others)
        return codes.at[:, k].set(jnp.where(value == 0, codes[:, k], jnp.sign(value)))

    return jax.lax.fori_loop(0, codes.shape[1], one_bit, codes)


def ridge(codes: jax.Array, labels: jax.Array, penalty: float) -> jax.Array:
    """Returns W [k l] that minimises |Y - B W|^2 + penalty |W|^2.

    >>> print(ridge(jnp.eye(2), jnp.eye(2), 1.0))
    [[0.5 0. ]
     [0.  0.5]]
    """
    bits = codes.shape[1]
    gram = jnp.einsum("nk,nj->kj", codes, codes) + penalty * jnp.eye(bits)
    return jnp.linalg.solve(gram, jnp.einsum("nk,nl->kl", codes, labels))
