"""What of a network is held still: parts of it, and all that comes before the cut.

Frozen weights get no gradient, no step of the optimizer and no weight decay; the optimizer keeps no
moments of them; their layers are in inference mode, and running statistics stay.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxhash.models import hash_network
from jaxhash.models.hash_network import HashModel


def trained(model: HashModel, variables: Any, image: tuple[int, ...]) -> Any:
    """Finds which weights and running statistics training may change.

    These are the ones that the outputs of the network depend on, once what `HashModel.trunk` keeps
    is handed in, without those of the parts in `model.frozen`. They are found by tracing.

    Args:
      model: with its `frozen` and `cut`.
      variables: {"params", "batch_stats"}, arrays or their shapes.
      image: shape [h w c] of an image.

    Returns:
      a tree of bool like `variables`.

    >>> from jaxhash import config
    >>> settings = config.base().model
    >>> model = hash_network.build(settings, 10).clone(cut="stage3")
    >>> images = jnp.zeros((1, 32, 32, 3))
    >>> variables = jax.eval_shape(lambda: model.init(jax.random.key(0), images))
    >>> changes = trained(model, variables, (32, 32, 3))["params"]["backbone"]
    >>> [changes[name]["conv1"]["kernel"] for name in ("layer3_1", "layer4_0")]
    [False, True]
    """
    images = jax.ShapeDtypeStruct((1, *image), jnp.float32)
    leaves, structure = jax.tree.flatten(variables)
    kept = None
    if model.cut:
        kept = jax.eval_shape(
            lambda v, x: model.apply(v, x, method=HashModel.trunk), variables, images
        )

    def outputs(leaves: list, images: jax.Array, kept: jax.Array | None) -> Any:
        return model.apply(jax.tree.unflatten(structure, leaves), images, kept=kept)

    traced = jax.make_jaxpr(outputs)(leaves, images, kept).jaxpr
    used = {var for var in traced.outvars if not isinstance(var, Literal)}
    for equation in reversed(traced.eqns):
        if used & set(equation.outvars):
            used |= {var for var in equation.invars if not isinstance(var, Literal)}
    found = jax.tree.unflatten(structure, [var in used for var in traced.invars[: len(leaves)]])
    return without(found, model.frozen)


def without(trained: Any, frozen: frozenset[str]) -> Any:
    """Says of all that is in `frozen`, some of `hash_network.PARTS`, that it is not trained.

    >>> without({"params": {"backbone": {"a": True}, "head": {"b": True}}}, frozenset({"backbone"}))
    {'params': {'backbone': {'a': False}, 'head': {'b': True}}}
    """
    return {
        collection: {
            name: tree
            if hash_network.part(name) not in frozen
            else jax.tree.map(lambda _: False, tree)
            for name, tree in parts.items()
        }
        for collection, parts in trained.items()
    }


def stop(trained: Any, params: Any) -> Any:
    """Lets no gradient reach weights that are not trained; `trained` may be None, for all.

    >>> jax.grad(lambda p: sum(stop((True, False), p)))((1.0, 1.0))
    (Array(1., dtype=float32, weak_type=True), Array(0., dtype=float32, weak_type=True))
    """
    if trained is None:
        return params
    return jax.tree.map(lambda t, x: x if t else jax.lax.stop_gradient(x), trained, params)


def leave_out(used: Any, tree: Any) -> Any:
    """Puts None, which is no leaf, in place of what is not used; `used` may be None, for all.

    >>> leave_out({"a": True, "b": False}, {"a": 1, "b": 2})
    {'a': 1, 'b': None}
    """
    if used is None:
        return tree
    return jax.tree.map(lambda wanted, x: x if wanted else None, used, tree)


def fill(tree: Any, with_: Any) -> Any:
    """Takes from `with_` what `leave_out` left out; arrays, or shapes, of which it makes zeros.

    >>> fill({"a": 1, "b": None}, {"a": 3, "b": 4})
    {'a': 1, 'b': 4}
    """

    def filled(x: Any, other: Any) -> Any:
        if x is not None:
            return x
        is_shape = isinstance(other, jax.ShapeDtypeStruct)
        return jnp.zeros(other.shape, other.dtype) if is_shape else other

    return jax.tree.map(filled, tree, with_, is_leaf=lambda x: x is None)


def select(trained: Any, new: Any, old: Any) -> Any:
    """Takes new values where they are trained, and old ones elsewhere; None trains all.

    >>> select({"a": True, "b": False}, {"a": 1, "b": 2}, {"a": 3, "b": 4})
    {'a': 1, 'b': 4}
    """
    if trained is None:
        return new
    return jax.tree.map(lambda t, new, old: new if t else old, trained, new, old)
