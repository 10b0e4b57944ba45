"""What features are of: a digest of the images that they were computed from."""

import hashlib

import numpy as np

from jaxhash.data.datasets import Pool

SAMPLE = 256  # images whose pixels are read, where the digests of files are not known


def of_images(pool: Pool, positions: np.ndarray) -> str:
    """Returns a digest of the images at `positions` [b] of a data set, in this order.

    It is made of their names and of the digests of their files. Where these are not known, as in
    data sets of TFDS, it is made of the pixels of up to 256 images, evenly spread: enough to tell
    two copies of a data set apart that were stored in other ways, not to find one changed image.
    """
    digest = hashlib.sha256(str(pool.pixels.shape[1:]).encode())
    digest.update("\n".join(map(str, pool.ids[positions])).encode(errors="surrogateescape"))
    if pool.digests is not None:
        digest.update("\n".join(pool.digests[positions]).encode())
    else:
        shown = np.linspace(0, len(positions) - 1, min(SAMPLE, len(positions))).astype(int)
        digest.update(np.ascontiguousarray(pool.pixels[positions[shown]]).tobytes())
    return digest.hexdigest()[:16]
