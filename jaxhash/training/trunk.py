"""A frozen trunk: what it computes of every image is kept, and training starts from there."""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxhash.data import Data, loader
from jaxhash.data.augment import Augment
from jaxhash.data.features import cache, identity
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders.batches import encode
from jaxhash.encoders.steps import trunk_step, view_step
from jaxhash.models.hash_network import HashModel
from jaxhash.training import keys


class Features(NamedTuple):
    """What a trunk keeps of the images of a run.

    positions: [n] of images in the data set, ascending. plain: float16 [n ...] of these, without
    augmentation; with v `Augment.views`, [n v ...]. train: [t] positions of the training images.
    augmented: float16 [v t ...], v views of these, row view * t + image; or None where training
    takes the plain ones.
    """

    positions: np.ndarray
    plain: np.ndarray
    train: np.ndarray
    augmented: np.ndarray | None

    def of(self, positions: np.ndarray) -> loader.Array:
        """Returns the plain features of images at `positions` [b] of the data set."""
        return loader.select(self.plain, np.searchsorted(self.positions, positions))

    @property
    def pool(self) -> loader.Array:
        """Returns what training takes, [v t ...]; see `row`."""
        return self.of(self.train) if self.augmented is None else self.augmented

    def row(self, index: np.ndarray, epoch: int, views: int = 1) -> np.ndarray:
        """Returns the rows of `pool` for training images [b]: the views of an image take turns.

        Args:
          index: [b].
          epoch: from 0.
          views: v, how many of each image a step compares.

        Returns:
          [b v], flat: image by image.
        """
        if self.augmented is None:
            return index
        count = len(self.train)
        kept = len(self.augmented) // count
        turn = epoch * views + np.arange(views)
        return ((index[:, None] + turn) % kept * count + index[:, None]).reshape(-1)


def keep(
    config: ConfigDict,
    data: Data,
    model: HashModel,
    augment: Augment,
    replicas: Replicas,
    variables: dict,
    behind: Any,
    train: bool,
    stopped: Callable[[], bool],
) -> Features:
    """Returns what the trunk of a network keeps of all images of a run, from the cache.

    Whatever is not there yet is computed. The features of a run depend on its frozen weights, the
    program that computes them (so also on the version of XLA), the images, and for augmented views
    on `seed`, `data.pad`, `data.flip`, `data.zoom` and `data.jitter`.

    Args:
      config: of the run.
      data, model, augment, replicas: built from it; `model.cut` is not "".
      variables: of the model, on the host.
      behind: which of these are of layers behind the cut, a tree of bool.
      train: whether the augmented views, which training alone takes, are needed.
      stopped: whether the user wants the run to end; see `cache.obtain`.

    Raises:
      cache.Stopped: the user does.
      UserError: the folder of the cache cannot be used.
    """
    split, pool = data.split, data.pool
    positions = np.unique(
        np.concatenate([split.train, split.query, split.database, split.held_out])
    )
    place = cache.root(config.data.features)
    network: dict[str, Any] = {"model": model, "augment": augment}
    program = _program(model.clone(head=None), augment, pool.pixels.shape[1:], _shapes(variables))
    kept = program.kept
    key = {"program": program.digest, "weights": _digest(variables, behind)}
    title = f"{config.data.name}, {config.model.backbone.name} frozen to {model.cut}"
    encoded = partial(
        encode,
        replicas=replicas,
        variables=replicas.replicate(variables),
        batch_size=config.eval.batch_size,
        title=None,
    )
    obtain = partial(cache.obtain, place, at_once=config.eval.batch_size, stopped=stopped)
    plain_step = replicas.map(partial(trunk_step, **network))

    def plain(start: int, stop: int) -> np.ndarray:
        images = loader.take(pool.pixels, positions[start:stop], None)
        return encoded(step=plain_step, pixels=images)

    own: dict[str, Any] = {"images": identity.of_images(pool, positions)}
    values = obtain(title, key | own, (len(positions), *kept), plain)
    if not train or not augment.random:
        return Features(positions, values, split.train, None)

    count, views = len(split.train), config.train.views
    view = replicas.map(partial(view_step, **network, key=keys.of_views(config.seed)))

    def augmented(start: int, stop: int) -> np.ndarray:
        numbers = np.arange(start, stop)
        images = loader.take(pool.pixels, split.train[numbers % count], None)
        return encoded(step=view, pixels=images, numbers=numbers)

    drawn = [config.seed, augment.pad, augment.flip]
    if augment.zoom < 1 or augment.jitter:  # what older versions kept has neither, and stays valid
        drawn += [augment.zoom, augment.jitter]
    own = {"images": identity.of_images(pool, split.train), "augmentation": drawn}
    title += f", {views} views of training images, seed {config.seed}"
    one = kept[1:] if augment.views > 1 else kept
    kept_views = obtain(title, key | own, (views * count, *one), augmented)
    return Features(positions, values, split.train, kept_views)


class _Program(NamedTuple):
    """What computes features: a digest of it, and the shape [v ...] that it keeps of an image."""

    digest: str
    kept: tuple[int, ...]


@lru_cache(maxsize=8)  # a grid asks for the same at every run
def _program(
    model: HashModel, augment: Augment, image: tuple[int, ...], variables: "_Shapes"
) -> _Program:
    step = jax.jit(partial(trunk_step, model=model, augment=augment))
    lowered = step.lower(variables.tree(), jax.ShapeDtypeStruct((1, *image), jnp.uint8))
    digest = hashlib.sha256(lowered.as_text().encode()).hexdigest()
    return _Program(digest, lowered.out_info.shape[1:])


class _Shapes(NamedTuple):
    """Shapes and dtypes of variables, that can be compared."""

    leaves: tuple[jax.ShapeDtypeStruct, ...]
    structure: Any

    def tree(self) -> dict:
        return jax.tree.unflatten(self.structure, self.leaves)


def _shapes(variables: dict) -> _Shapes:
    leaves, structure = jax.tree.flatten(variables)
    return _Shapes(tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves), structure)


def _digest(variables: dict, behind: Any) -> str:
    """Computes a digest of the weights before the cut."""
    digest = hashlib.sha256()
    for leaf, is_behind in zip(jax.tree.leaves(variables), jax.tree.leaves(behind), strict=True):
        if not is_behind:
            digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()
