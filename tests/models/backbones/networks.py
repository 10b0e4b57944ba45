"""What the tests of backbones do with a network."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from safetensors.numpy import save_file

from jaxhash.distributed import devices
from jaxhash.models import pretrained


def untouched(node, x):
    return x


def visit(network, size):
    """Returns the shape of what a network gives for one image, and the nodes that it calls."""
    nodes = []

    def at_node(node, x):
        nodes.append(node)
        return x

    x = jnp.zeros((1, *size, 3))
    out, _ = jax.eval_shape(
        lambda: network.init_with_output(jax.random.key(0), x, train=False, at_node=at_node)
    )
    return out.shape, tuple(nodes)


def template(network, size):
    """Returns the shapes of a network's variables, as those of a model's backbone."""
    x = jnp.zeros((1, *size, 3))
    variables = jax.eval_shape(
        lambda: network.init(jax.random.key(0), x, train=False, at_node=untouched)
    )
    return {collection: {"backbone": tree} for collection, tree in variables.items()}


def torch_names(network, size, family):
    """Lists the candidates for the PyTorch name of each weight."""
    return [
        family.torch_names(path)
        for tree in template(network, size).values()
        for path in traverse_util.flatten_dict(tree["backbone"])
    ]


def convert(network, family, tensors, images, path):
    """Writes the tensors to a file, converts it, and returns the features of the images."""
    save_file(tensors, path)
    converted = pretrained.initialise(
        template(network, images.shape[1:3]), str(path), family.torch_names
    )
    variables = {name: tree["backbone"] for name, tree in converted.items()}
    apply = jax.jit(lambda x: network.apply(variables, x, train=False, at_node=untouched))
    return np.asarray(apply(images))


def difference(got, expected):
    """Returns the largest difference, relative to the largest expected value."""
    assert got.shape == expected.shape
    return np.abs(got - expected).max() / np.abs(expected).max()


def dropped(network, size):
    """Returns features with random weights under two seeds of dropout: in training, in encoding."""
    draw = np.random.RandomState(0)
    variables = jax.tree.map(
        lambda leaf: np.abs(draw.normal(size=leaf.shape)).astype(leaf.dtype),
        {name: tree["backbone"] for name, tree in template(network, size).items()},
    )
    x = draw.normal(size=(2, *size, 3)).astype(np.float32)

    @partial(jax.jit, static_argnums=1)
    def apply(key, train):
        def one(x):
            return network.apply(
                variables,
                x,
                train=train,
                at_node=untouched,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )[0]

        return jax.vmap(one, axis_name=devices.AXIS)(x[None])[0]

    return [[apply(jax.random.key(seed), train) for seed in (0, 1)] for train in (True, False)]
