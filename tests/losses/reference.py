"""A batch for tests of losses, and what their NumPy references share."""

import jax.numpy as jnp
import numpy as np

from jaxhash.losses import Codes

CLASSES = np.array([0, 1, 2, 0, 1, 0, 2])
SINGLE = np.eye(3, dtype=np.uint8)[CLASSES]
SEVERAL = np.array(
    [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 0]], np.uint8
)
LABELS = {"single": SINGLE, "several": SEVERAL}


def outputs(bits=6, count=7, seed=0):
    return np.random.RandomState(seed).normal(size=(count, bits))


def batch(u, labels=SINGLE, logits=None, index=None):
    index = np.arange(len(u)) if index is None else np.asarray(index)
    return Codes(
        jnp.asarray(u, jnp.float32),
        jnp.asarray(labels[index] if len(labels) != len(u) else labels),
        jnp.asarray(index),
        None if logits is None else jnp.asarray(logits, jnp.float32),
    )


def similar(labels):
    return (labels.astype(int) @ labels.T.astype(int)) > 0


def over_pairs(f, labels):
    """The mean of f(i, j, s) over the pairs i != j, for each i."""
    s, n = similar(labels), len(labels)
    return np.array([np.mean([f(i, j, s[i, j]) for j in range(n) if j != i]) for i in range(n)])


def weights(labels):
    """|S| / |S_1| and |S| / |S_0| over the pairs i != j."""
    n = len(labels)
    near = similar(labels)[~np.eye(n, dtype=bool)]
    return {True: len(near) / near.sum(), False: len(near) / (~near).sum()}


def sign(u):
    return np.where(u >= 0, 1.0, -1.0)


def cosine(a, b):
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / size if size else 0.0


def entropy(logits, labels):
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -(log * labels / np.maximum(labels.sum(axis=1, keepdims=True), 1)).sum(axis=1)
