"""Pictures of one's own, for tests."""

import numpy as np
from PIL import Image

from jaxhash.data import datasets, protocols

RANDOM = np.random.RandomState(0)


def picture(path, size=(20, 12), mode="RGB"):
    """Writes noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], len(mode))
    Image.fromarray(RANDOM.randint(0, 256, shape).astype(np.uint8), mode).save(path)
    return path


def split(pool):
    """The split by the protocol of one's own images."""
    protocol = datasets.protocol("folder", "own")
    return protocols.split(protocol, pool.labels, pool.parts, pool.ids, seed=0)
