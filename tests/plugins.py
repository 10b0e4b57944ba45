"""Files that somebody adds to a package of jaxhash, from a folder outside of it."""

import contextlib
import importlib
import sys

from jaxhash import registry

LOSS = '''
"""A loss that somebody adds."""
from jaxhash.losses import HashLoss


def build(margin: float = 8.0, power: int = 2) -> HashLoss:
    """Builds a loss that is 0."""
    return HashLoss(lambda task: (), lambda state, rows, columns: (0 * rows.u.sum(1), state, {}))
'''
BACKBONE = '''
"""A backbone whose variants are not called like its file."""
import flax.linen as nn
import jax.numpy as jnp

VARIANTS = ("wide", "narrow")


class Network(nn.Module):
    """One convolution."""

    width: int

    @nn.compact
    def __call__(self, x, train, at_node):
        """Maps [b h w c] to [b h w width]."""
        return at_node("last", nn.Conv(self.width, (3, 3))(x))


def nodes(name):
    """Lists the one node."""
    return ("last",)


def build(name: str, width: int = 8, dtype=jnp.float32):
    """Builds the network."""
    return Network(width)


def torch_names(path):
    """Names nothing."""
    return ()
'''


@contextlib.contextmanager
def added(folder, package, **files):
    """Adds files, name to text, to what a package offers."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    path = importlib.import_module(package).__path__
    path.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        path.remove(str(folder))
        for name in files:
            sys.modules.pop(f"{package}.{name}", None)
            if hasattr(sys.modules[package], name):
                delattr(sys.modules[package], name)
        registry._reported.clear()
