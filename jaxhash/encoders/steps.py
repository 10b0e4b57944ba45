"""Pure functions of a trained network: images to codes, images to attention maps."""

import jax
import jax.numpy as jnp

from jaxhash.data.augment import Augment
from jaxhash.models.attention import MAPS
from jaxhash.models.hash_network import HashModel
from jaxhash.models.heads import Outputs


def encode_step(
    variables: dict, pixels: jax.Array, *, model: HashModel, augment: Augment
) -> jax.Array:
    """Encodes uint8 images [b h w c] to bits packed in bytes [b ceil(k/8)], most significant first.

    Instead of images, it takes what `HashModel.trunk` keeps of them, in float16. A bit is 1 where
    u >= 0, which is where the code of DHIDA equation 15 is +1.
    """
    return jnp.packbits(_u(variables, pixels, model, augment) >= 0, axis=-1)


def features_step(
    variables: dict, pixels: jax.Array, *, model: HashModel, augment: Augment
) -> jax.Array:
    """Encodes uint8 images [b h w c], and keeps u beside the code, to put hits in order by.

    Returns:
      uint8 [b ceil(k/8)+k]: the packed bits, and u as the bytes of int8, the largest |u| of each
      image scaled to 127. `jaxhash.encoders.batches.separate` takes them apart.
    """
    u = _u(variables, pixels, model, augment)
    largest = jnp.maximum(jnp.abs(u).max(axis=-1, keepdims=True), jnp.finfo(u.dtype).tiny)
    rounded = jnp.round(u / largest * 127).astype(jnp.int8)
    bytes_ = jax.lax.bitcast_convert_type(rounded, jnp.uint8)
    return jnp.concatenate([jnp.packbits(u >= 0, axis=-1), bytes_], axis=-1)


def trunk_step(
    variables: dict, pixels: jax.Array, *, model: HashModel, augment: Augment
) -> jax.Array:
    """Computes what `HashModel.trunk` keeps of uint8 images [b h w c]: float16 [b ...].

    With several `augment.views` of each image, [b v ...].
    """
    if augment.views == 1:
        return _trunk(variables, augment.for_encoding(pixels), model)
    kept = _trunk(variables, _flat(augment.all_views(pixels)), model)
    return kept.reshape(-1, augment.views, *kept.shape[1:])


def view_step(
    variables: dict,
    pixels: jax.Array,
    numbers: jax.Array,
    *,
    model: HashModel,
    augment: Augment,
    key: jax.Array,
) -> jax.Array:
    """Computes what `HashModel.trunk` keeps of augmented images: float16 [b ...].

    Args:
      variables: of the model.
      pixels: uint8 [b h w c].
      numbers: [b], one a view: each draws from `key` folded with its number.
      model, augment: built from the config.
      key: of the augmentation.
    """
    return _trunk(variables, augment.for_training(key, pixels, numbers), model)


def _u(variables: dict, pixels: jax.Array, model: HashModel, augment: Augment) -> jax.Array:
    kept, several = None, augment.views > 1
    if pixels.dtype == jnp.float16:
        kept = _flat(pixels) if several else pixels
        x = augment.blank(kept.shape[0])
    else:
        x = _flat(augment.all_views(pixels)) if several else augment.for_encoding(pixels)
    outputs = model.apply(variables, x, kept=kept)
    assert isinstance(outputs, Outputs)  # not a pair: nothing is mutable
    u = outputs.u
    return u.reshape(-1, augment.views, u.shape[-1]).mean(axis=1) if several else u


def _flat(views: jax.Array) -> jax.Array:
    """Maps [b v ...] to [bv ...]."""
    return views.reshape(-1, *views.shape[2:])


def _trunk(variables: dict, x: jax.Array, model: HashModel) -> jax.Array:
    kept = model.apply(variables, x, method=HashModel.trunk)
    assert isinstance(kept, jax.Array)  # not a pair: nothing is mutable
    return kept


def attention_step(
    variables: dict, pixels: jax.Array, *, model: HashModel, augment: Augment
) -> dict[str, jax.Array]:
    """Computes the attention maps of uint8 images [b h w c]; see `attention_maps`.

    Returns:
      {node: [b h' w']}, the weight of each position; when compiled, in alphabetical order.
    """
    x = augment.for_encoding(pixels)
    maps = model.apply(variables, x, train=False, mutable=[MAPS])[1].get(MAPS, {})
    found = {node: maps.get(f"attention_{node}") for node in model.attention}
    return {node: kept["map"][0] for node, kept in found.items() if kept}
