"""Discrete coordinate descent: codes that a linear classifier separates (SDH, CVPR 2015)."""

import jax
import jax.numpy as jnp


def descend(codes: jax.Array, products: jax.Array, pull: jax.Array) -> jax.Array:
    """Lowers sum(B (B G - 2 Q)) over B of -1 and +1, bit by bit, the others held.

        b_k = sign(q_k - B_rest g_rest,k)

    With G = W W^T and Q = Y W^T + nu F, that is |Y - B W|^2 + nu |B - F|^2 without what does not
    depend on B.

    Args:
      codes: [n k] B, -1 and +1, or 0 for what has no value yet.
      products: [k k] G, symmetric.
      pull: [n k] Q.

    Returns:
      [n k] of -1 and +1; a bit for which both values are as good stays, 0 becomes +1.

    >>> print(descend(jnp.ones((1, 2)), jnp.eye(2), jnp.array([[-1.0, 2.0]])))
    [[-1.  1.]]
    """

    def one_bit(k: int, codes: jax.Array) -> jax.Array:
        others = products[:, k].at[k].set(0.0)
        value = pull[:, k] - jnp.einsum("nj,j->n", codes, others)
        kept = jnp.where(codes[:, k] == 0, 1.0, codes[:, k])
        return codes.at[:, k].set(jnp.where(value == 0, kept, jnp.sign(value)))

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
