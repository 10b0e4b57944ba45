"""Export of a trained network into a folder: program, weights, metadata, model card."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import export, symbolic_shape
from safetensors import SafetensorError
from safetensors.numpy import save

from jaxhash.encoders import exported, model_card
from jaxhash.encoders.encoder import Encoder
from jaxhash.errors import UserError
from jaxhash.models.hash_network import HashModel

PLATFORMS = ("cpu", "cuda", "tpu")


def export_encoder(workdir: str | Path, out: str | Path) -> Path:
    """Exports the newest checkpoint of a run, completely or not at all.

    The weights are arguments of the program and not constants in it, of which XLA would compute
    parts while it compiles, with other rounding; and any reader of safetensors can read them.

    Args:
      workdir: of the run.
      out: the folder to make; it must not exist, or must be empty.

    Returns:
      `out`.

    Raises:
      UserError: the workdir holds no checkpoint, or `out` cannot be made.
    """
    workdir, out = Path(workdir).expanduser(), Path(out).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out={out}: exists already; give another, or delete it first")
    encoder = Encoder.from_checkpoint(workdir)
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with _whole(out.absolute()) as unfinished:
            _write(encoder, workdir, unfinished)
    except (OSError, SafetensorError) as error:  # the latter also of a full disk
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--out={out}: cannot be written ({reason})") from None
    return out


def program(encoder: Encoder, platforms: tuple[str, ...] = PLATFORMS) -> bytes:
    """Exports a network as a function of (weights by name, uint8 images [b size size c]).

    Args:
      encoder: the network.
      platforms: to export for; this machine need not have them.

    Returns:
      StableHLO without weights, for any b, as read by `jax.export.deserialize`.
    """
    named, structure = weights(encoder), jax.tree.structure(encoder.variables)

    def encode(weights: dict, images: jax.Array) -> jax.Array:
        variables = jax.tree.unflatten(structure, [weights[name] for name in named])
        return encoder.encode(variables, images)

    shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in named.items()}
    (batch,) = symbolic_shape("b")
    size = (batch, encoder.size, encoder.size, encoder.channels)
    images = jax.ShapeDtypeStruct(size, jnp.uint8)
    frames = jax.config.jax_traceback_in_locations_limit  # type: ignore[attr-defined]
    # Otherwise each operation holds the path of its source file on this machine.
    jax.config.update("jax_traceback_in_locations_limit", 0)
    try:
        made = export(jax.jit(encode), platforms=platforms)(shapes, images)
        return bytes(made.serialize())
    finally:
        jax.config.update("jax_traceback_in_locations_limit", frames)


def check_batch_size_is_free(model: HashModel, variables: dict, image: tuple[int, ...]) -> None:
    """Refuses a network that could be trained, but not exported for batches of any size.

    Args:
      model: the network.
      variables: their shapes.
      image: [h w c] of its input.

    Raises:
      UserError: the network computes with the number of images as if it were known, as in `len(x)`.
    """

    def trace(*batch) -> None:
        images = jax.ShapeDtypeStruct((*batch, *image), jnp.float32)
        jax.eval_shape(lambda variables, x: model.apply(variables, x), variables, images)

    try:
        trace(*symbolic_shape("b"))
    except UserError:
        raise
    except Exception as error:
        trace(1)  # raises where the network is wrong for other reasons
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"model: the network cannot be exported for any number of images ({reason}); for "
            "images x use x.shape[0] in place of len(x), and no int() or comparison of it"
        ) from error


def weights(encoder: Encoder) -> dict:
    """Lists the float32 weights of a network by name, as in params/head/hash/dense/bias."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf, np.float32)
        for path, leaf in jax.tree_util.tree_leaves_with_path(encoder.variables)
    }


def _write(encoder: Encoder, workdir: Path, folder: Path) -> None:
    (folder / exported.PROGRAM).write_bytes(program(encoder))
    # Not by `save_file`, whose files only their owner can read.
    (folder / exported.WEIGHTS).write_bytes(save(weights(encoder)))
    notes = {
        "format": exported.FORMAT,
        "model": encoder.identity(),
        "bits": encoder.bits,
        "size": encoder.size,
        "channels": encoder.channels,
        "platforms": PLATFORMS,
        "jax": jax.__version__,
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in (exported.PROGRAM, exported.WEIGHTS)
        },
    }
    (folder / "README.md").write_text(model_card.write(encoder, workdir), encoding="utf-8")
    (folder / exported.NOTES).write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yields a folder to write into, which is renamed to `folder` when it is complete."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by an export that was killed
    unfinished.mkdir()
    try:
        yield unfinished
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
