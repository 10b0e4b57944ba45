"""From real outputs to bits: forward functions with stated straight-through derivatives."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxhash.errors import UserError, nearest


@jax.custom_vjp
def sign(u: jax.Array) -> jax.Array:
    """Returns +1 where u >= 0 and -1 elsewhere, so that sign(0) = +1; never 0.

    DHIDA equation 2. The derivative is taken to be 1 everywhere (the straight-through estimator):
    the gradient that arrives at the code leaves unchanged at `u`. `sign(clipped(u))` passes it
    where |u| <= 1 only, as DBDH does.

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
    """Returns u cut to [-1, 1], the f(u) of DHIDA equation 1, with a straight-through derivative.

    The derivative is taken to be 1 everywhere. This is the gradient that DHIDA prints: equations 16
    to 19 carry that of the loss from f(u) to W, b and the features without a factor for f. It lets
    a bit that is saturated on the wrong side return; see `clipped` for the true derivative.

    Args:
      u: [...] real outputs of the hash layer.

    Returns:
      [...] in [-1, 1].

    >>> import jax, jax.numpy as jnp
    >>> print(piecewise(jnp.array([-3.0, 0.25, 1.5])))
    [-1.    0.25  1.  ]
    >>> print(jax.grad(lambda u: piecewise(u).sum())(jnp.array([-3.0, 0.25, 1.5])))
    [1. 1. 1.]
    """
    return jnp.clip(u, -1, 1)


piecewise.defvjp(lambda u: (piecewise(u), None), lambda _, gradient: (gradient,))


@jax.custom_vjp
def clipped(u: jax.Array) -> jax.Array:
    """Returns u cut to [-1, 1], with the derivative of the cut: 1 where |u| <= 1, else 0.

    The reading of public code, which clamps. A bit that is saturated gets no gradient any more, on
    whichever side it is; from random weights a network easily saturates before it has learnt.

    Args:
      u: [...] real outputs of the hash layer.

    Returns:
      [...] in [-1, 1].

    >>> import jax, jax.numpy as jnp
    >>> print(jax.grad(lambda u: clipped(u).sum())(jnp.array([-3.0, 0.25, 1.0])))
    [0. 1. 1.]
    """
    return jnp.clip(u, -1, 1)


clipped.defvjp(
    lambda u: (clipped(u), jnp.abs(u) <= 1),
    lambda inside, gradient: (jnp.where(inside, gradient, 0),),
)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def half_and_half(u: jax.Array, of_all: jax.Array, pull: float) -> jax.Array:
    """Returns +1 for the half of a batch with the larger outputs in each bit, -1 for the other.

    Bi-half net (Li and van Gemert, AAAI 2021), equation 7: of all codes with as many +1 as -1 in
    each bit, the nearest to the outputs. The derivative that it prints (equation 9) is that of a
    code, and a pull of the outputs to the codes: g + pull (u - b).

    Args:
      u: [b k] outputs.
      of_all: [n k] outputs of the global batch that u is of; gets no gradient.
      pull: the paper has gamma / (n k), with gamma 6 in its code.

    Returns:
      [b k] of -1 and +1.

    >>> import jax.numpy as jnp
    >>> u = jnp.array([[3.0], [1.0], [2.0], [9.0]])
    >>> print(half_and_half(u, u, 0.0)[:, 0])
    [ 1. -1. -1.  1.]
    """
    # The mean of the two middle ones, where n is even.
    ascending = jnp.sort(of_all, axis=0)
    low, high = (of_all.shape[0] - 1) // 2, of_all.shape[0] // 2
    median = (ascending[low] + ascending[high]) / 2
    return jnp.where(u > median[None], 1, -1).astype(u.dtype)


def _half_forward(u: jax.Array, of_all: jax.Array, pull: float):
    code = half_and_half(u, of_all, pull)
    return code, (u, code, of_all)


def _half_backward(pull: float, kept: tuple, gradient: jax.Array):
    u, code, of_all = kept
    return gradient + pull * (u - code), jnp.zeros_like(of_all)


half_and_half.defvjp(_half_forward, _half_backward)


def identity(u: jax.Array) -> jax.Array:
    """Returns u: no quantisation while training (the rows of an ablation without f)."""
    return u


def shrink_sigmoid(u: jax.Array) -> jax.Array:
    """Returns 1/4 + 1 / (2 (1 + exp(-u))), DAH equation 1, in [1/4, 3/4]; its own derivative.

    It is 1/2 where u = 0, so the bit of DAH equation 5 is u >= 0 as everywhere here.

    Args:
      u: [...] real outputs of the hash layer.

    Returns:
      [...] in [1/4, 3/4].

    >>> import jax.numpy as jnp
    >>> print(shrink_sigmoid(jnp.array([-50.0, 0.0, 50.0])))
    [0.25 0.5  0.75]
    """
    return 0.25 + jax.nn.sigmoid(u) / 2


BY_NAME: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sign": sign,
    "piecewise": piecewise,
    "clipped": clipped,
    "identity": identity,
    "tanh": jnp.tanh,
    "shrink_sigmoid": shrink_sigmoid,
}


def find(name: str) -> Callable[[jax.Array], jax.Array]:
    """Returns the function of that name; raises UserError with the nearest known one.

    >>> find("tanh") is jnp.tanh
    True
    """
    if name not in BY_NAME:
        raise UserError(f"unknown quantizer {name!r}: {nearest(name, BY_NAME)}")
    return BY_NAME[name]
