"""The random keys of a run: of its initial weights, of each step, and of the state of its loss."""

import jax
import jax.numpy as jnp

_INITIAL = 0xB17
_VIEWS = 0x51E
_BEYOND = 2**31  # no step has such a number


def initial(seed: int) -> jax.Array:
    """Returns the key of the initial weights."""
    return jax.random.fold_in(jax.random.key(seed), _INITIAL)


def of_views(seed: int) -> jax.Array:
    """Returns the key of the augmented views that are kept of training images."""
    return jax.random.fold_in(jax.random.key(seed), _BEYOND + _VIEWS)


def of_step(seed: int, step: jax.Array) -> jax.Array:
    """Returns the key of the augmentation and dropout of a step, of int32 from 0.

    The numbers of steps and of other uses are one sequence. Step 2,839 would have the key of the
    initial weights, and so takes another; all others are those of version 0.1.0.

    >>> same = [(of_step(0, jnp.int32(step)) == initial(0)).item() for step in (2_838, 0xB17)]
    >>> same
    [False, False]
    """
    number = jnp.uint32(step)
    number = jnp.where(number == _INITIAL, jnp.uint32(_BEYOND + _INITIAL), number)
    return jax.random.fold_in(jax.random.key(seed), number)
