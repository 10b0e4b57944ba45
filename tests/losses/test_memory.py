"""No loss makes an array of all pairs and all bits, forward or backward."""

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhash import registry
from jaxhash.losses import Codes, Task, _triplets

BATCH, TRAIN, BITS = 31, 37, 16
RANDOM = np.random.RandomState(0)
CLASSES = RANDOM.randint(0, 4, TRAIN)


def sizes(jaxpr) -> Iterator[int]:
    """Yields the number of elements of every array in a program."""
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            yield math.prod(variable.aval.shape)
        for value in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "jaxpr")
        ):
            if hasattr(value, "jaxpr") or hasattr(value, "eqns"):
                yield from sizes(getattr(value, "jaxpr", value))


def largest(function, *args) -> int:
    return max(sizes(jax.make_jaxpr(function)(*args).jaxpr))


def test_the_measure_sees_into_loops_and_gradients():
    x = jnp.ones((BATCH, BITS))

    def naive(x):
        return jnp.abs(x[:, None] - x[None]).sum()

    def looped(x):
        return jax.lax.map(lambda row: jnp.abs(row[None] - x).sum(), x).sum()

    assert largest(jax.grad(naive), x) == BATCH**2 * BITS
    assert largest(looped, x) == BATCH * BITS


@pytest.mark.parametrize("name", registry.names("jaxhash.losses"))
def test_no_array_of_all_pairs_and_bits(name, monkeypatch):
    monkeypatch.setattr(_triplets, "AT_ONCE", 1)  # a batch above which triplets are row by row
    kind = registry.find("jaxhash.losses", name)
    loss = kind.build(nearest=2, shared=2) if name == "bgan" else kind.build()
    labels = np.eye(4, dtype=np.uint8)[CLASSES]
    state = loss.init(Task(BITS, labels))
    codes = Codes(
        jnp.array(RANDOM.normal(size=(BATCH, BITS)), jnp.float32),
        jnp.array(labels[:BATCH]),
        jnp.arange(BATCH) // loss.views,
        jnp.zeros((BATCH, 4)),
        jnp.ones((BATCH, 5)),
        jnp.arange(BATCH),
    )

    def value(codes):
        return loss.apply(state, codes, codes)[0].mean()

    assert largest(jax.grad(value, allow_int=True), codes) < BATCH * BATCH * BITS / 2


@pytest.mark.parametrize("batch", [20, 64, 100, 600])
def test_triplets_at_once_are_bounded(batch):
    scores, ones = jnp.ones((batch, batch)), jnp.ones((batch, batch), bool)
    similar = jnp.eye(batch)

    def value(scores):
        return _triplets.mean_over_triplets(jnp.subtract, scores, similar, ones).mean()

    assert largest(jax.grad(value), scores) <= max(_triplets.AT_ONCE, batch**2)
