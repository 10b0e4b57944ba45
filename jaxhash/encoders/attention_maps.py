"""Attention maps of a network for given images: computed, and drawn over them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxhash.data.augment import Augment
from jaxhash.data.images import decoder
from jaxhash.encoders.encoder import Encoder
from jaxhash.encoders.steps import attention_step
from jaxhash.errors import UserError
from jaxhash.models.hash_network import HashModel
from jaxhash.report import plots

SHOWN_NODES = 4
PICTURE = "attention.png"


def compute(
    model: HashModel, variables: dict, augment: Augment, pixels: np.ndarray
) -> dict[str, np.ndarray]:
    """Computes the weight of each position, at each node with attention.

    Of position attention (ida, danet) it is how much a position is attended to on average; of a
    gate over positions (cbam, triplet) the gate; of a gate over channels (se, cab) the mean of the
    absolute values of its output.

    Args:
      model: the network.
      variables: of the model, not replicated.
      augment: how images become its input.
      pixels: uint8 [n h w c].

    Returns:
      {node: [n h' w']}, in the order of the network; empty where it has no attention.
    """
    if not model.attention:
        return {}
    step = jax.jit(partial(attention_step, model=model, augment=augment))
    maps = step(variables, jnp.asarray(pixels))  # jit returns dictionaries in alphabetical order
    return {node: np.asarray(maps[node]) for node in model.attention if node in maps}


def draw(path: Path, title: str, pictures: Sequence[np.ndarray] | np.ndarray, maps: dict) -> None:
    """Draws attention maps over pictures, of at most four nodes, evenly spaced.

    Args:
      path: of the PNG.
      title: of the figure.
      pictures: uint8 [h w c], of any size.
      maps: as returned by `compute`.
    """
    chosen = np.linspace(0, len(maps) - 1, min(len(maps), SHOWN_NODES)).round().astype(int)
    nodes = [list(maps)[i] for i in chosen]
    plots.attention(path, title, pictures, {node: maps[node] for node in nodes})


def explain_checkpoint(folder: str | Path, images: Sequence[str]) -> Path:
    """Draws the attention maps of a trained run over images, into `attention.png` of its folder.

    Args:
      folder: the workdir of the run.
      images: paths of pictures, of any size and format that Pillow reads.

    Returns:
      the path of the picture.

    Raises:
      UserError: the folder holds no checkpoint, the network has no attention, or an image cannot be
        read.
    """
    folder = Path(folder).expanduser()
    encoder = Encoder.from_checkpoint(folder)
    config = encoder.config
    size, channels = config.data.size, len(config.data.mean)
    paths = [Path(image).expanduser() for image in images]
    decoded = [_read(path) for path in paths]
    inputs = np.stack([decoder.decode(path, (size, size, channels)) for path in paths])
    maps = compute(encoder.model, encoder.variables, encoder.augment, inputs)
    if not maps:
        raise UserError(
            f"{folder}: its network has no attention (model.attention.name="
            f"{config.model.attention.name}), there is nothing to draw"
        )
    pictures = [decoder.to_array(image, (image.height, image.width, channels)) for image in decoded]
    draw(folder / PICTURE, f"{config.name}, {config.model.attention.name}", pictures, maps)
    return folder / PICTURE


def _read(path: Path) -> Image.Image:
    try:
        return decoder.read(path)
    except FileNotFoundError:
        raise UserError(f"--images: {path}: no such file") from None
    except (decoder.Unreadable, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--images: {path}: not a readable picture ({reason})") from None
