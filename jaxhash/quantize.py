"""From real outputs to bits: forward functions with stated straight-through derivatives."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def sign(u: jax.Array) -> jax.Array:
    """Returns +1 where u >= 0 and -1 elsewhere, so that sign(0) = +1; never 0.

    DHIDA equation 2. The derivative is taken to be 1 everywhere (the straight-through estimator):
    the gradient that arrives at the code leaves unchanged at `u`. `sign(piecewise(u))` therefore
    passes it where |u| <= 1 only.

    Args:
      u: [...] real outputs of the hash layer.

    Returns:
      [...] of -1 and +1, in the dtype of `u`.

    >>> import jax.numpy as jnp
    >>> print(sign(jnp.array([-0.5, 0.0, 2.0])))
    [-1.  1.  1.]
    """
    return jnp.where(u >= 0, 1, -1).astype(u.dtype)


sign.defvjp(lambda u: (sign(u), None), lambda _, gradient: (gradient,))


@jax.custom_vjp
def piecewise(u: jax.Array) -> jax.Array:
    """Returns u cut to [-1, 1], the f(u) of DHIDA equation 1.

    The derivative is 1 where |u| <= 1, the two ends included, and 0 beyond: outputs that are
    already past a bit's value are left alone. (Equation 1 leaves f undefined at exactly -1 and 1;
    both readings give the same value, and passing the gradient there lets a saturated bit return.)

    Args:
      u: [...] real outputs of the hash layer.

    Returns:
      [...] in [-1, 1].

    >>> import jax, jax.numpy as jnp
    >>> print(piecewise(jnp.array([-3.0, 0.25, 1.5])))
    [-1.    0.25  1.  ]
    >>> print(jax.grad(lambda u: piecewise(u).sum())(jnp.array([-3.0, 0.25, 1.0])))
    [0. 1. 1.]
    """
    return jnp.clip(u, -1, 1)


piecewise.defvjp(
    lambda u: (jnp.clip(u, -1, 1), jnp.abs(u) <= 1),
    lambda inside, gradient: (jnp.where(inside, gradient, 0),),
)


def identity(u: jax.Array) -> jax.Array:
    """Returns u: no quantisation while training (the rows of an ablation without f)."""
    return u
