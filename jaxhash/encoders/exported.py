"""An exported encoder, which is read without Flax and without the code that trained it.

`read_weights` and `load` need jax, numpy and flatbuffers (used by `jax.export`), and not jaxhash:
the README.md of every exported encoder contains them.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax import export

from jaxhash.errors import UserError

FORMAT = 1
NOTES = "encoder.json"
PROGRAM = "encoder.stablehlo"
WEIGHTS = "weights.safetensors"


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the float32 arrays of a safetensors file, by name."""
    file = Path(path).read_bytes()
    start = 8 + int.from_bytes(file[:8], "little")
    tensors = json.loads(file[8:start])
    tensors.pop("__metadata__", None)

    def array(shape: list[int], data_offsets: list[int], **_) -> np.ndarray:
        first, end = data_offsets
        return np.frombuffer(file, "<f4", (end - first) // 4, start + first).reshape(shape)

    return {name: array(**tensor) for name, tensor in tensors.items()}


def load(folder: str | Path) -> Callable[[np.ndarray], np.ndarray]:
    """Makes a function of uint8 images [b h w c] to codes, uint8 [b ceil(k/8)], packed bits."""
    program = export.deserialize(bytearray((Path(folder) / PROGRAM).read_bytes()))
    weights = jax.device_put(read_weights(Path(folder) / WEIGHTS))
    step, shape = jax.jit(program.call), program.in_avals[-1].shape

    def encode(images: np.ndarray) -> np.ndarray:
        if images.dtype != np.uint8 or images.shape[1:] != shape[1:]:
            raise ValueError(f"images are {images.dtype} {images.shape}, expected uint8 {shape}")
        return np.asarray(step(weights, images))

    return encode


class Exported(NamedTuple):
    """An exported encoder, checked: a `jaxhash.encoders.encoder.ImageEncoder`.

    model: identifies the network, as its checkpoint does. bits: k. size, channels: of the images,
    uint8 [b size size channels]. variables: the weights by name. program: as `jax.export` reads it.
    """

    model: str
    bits: int
    size: int
    channels: int
    variables: dict[str, np.ndarray]
    program: export.Exported

    @property
    def nodes(self) -> tuple[str, ...]:
        """Returns (): only codes are exported, no attention maps."""
        return ()

    @property
    def features(self) -> int:
        """Returns 0: only codes are exported."""
        return 0

    @property
    def data_dir(self) -> None:
        """Returns None: an exported encoder does not know its data set."""

    @classmethod
    def load(cls, folder: str | Path) -> "Exported":
        """Reads a folder written by `python -m jaxhash.export`.

        Raises:
          UserError: there is no such folder, it is not an exported encoder, or one of its files is
            missing, damaged, or of another version.
        """
        folder = Path(folder).expanduser()
        notes = _notes(folder)
        for name, digest in notes["sha256"].items():
            _check(folder / name, digest)
        try:
            program = export.deserialize(bytearray((folder / PROGRAM).read_bytes()))
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise UserError(
                f"{folder / PROGRAM}: written by jax {notes['jax']}, which cannot be read by jax "
                f"{jax.__version__} ({reason}); export the run again with this version"
            ) from error
        bits, size, channels = (notes[name] for name in ("bits", "size", "channels"))
        weights = read_weights(folder / WEIGHTS)
        return cls(notes["model"], bits, size, channels, weights, program)

    def encode(self, variables: dict, pixels: jax.Array) -> jax.Array:
        """Encodes uint8 images [b size size channels] to packed bits [b ceil(k/8)].

        Raises:
          UserError: the images are of another size or type.
        """
        expected = (self.size, self.size, self.channels)
        if pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            raise UserError(
                f"images are {pixels.dtype} {list(pixels.shape)}: this encoder reads uint8 "
                f"[b {self.size} {self.size} {self.channels}]; resize them first"
            )
        return self.program.call(variables, pixels)

    def encode_features(self, variables: dict, pixels: jax.Array) -> jax.Array:
        """Raises NotImplementedError: see `features`."""
        raise NotImplementedError

    def attend(self, variables: dict, pixels: jax.Array) -> dict[str, jax.Array]:
        """Returns {}: see `nodes`."""
        del variables, pixels
        return {}

    def identity(self) -> str:
        """Returns the identifier of its codes: `Encoder.identity` of its checkpoint."""
        return self.model


def _notes(folder: Path) -> dict:
    """Reads encoder.json, and checks that it is one."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected an exported encoder")
    again = "copy it again, or make it again with python -m jaxhash.export"
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: not an exported encoder, it has no {NOTES}; make one with python -m "
            "jaxhash.export"
        ) from None
    except (OSError, ValueError):
        raise UserError(f"{folder / NOTES}: damaged; {again}") from None
    if not isinstance(notes, dict) or notes.get("format") != FORMAT:
        found = notes.get("format") if isinstance(notes, dict) else None
        raise UserError(f"{folder / NOTES}: format {found}, this jaxhash reads {FORMAT}; {again}")
    wanted = {"model": str, "jax": str, "bits": int, "size": int, "channels": int, "sha256": dict}
    for name, kind in wanted.items():
        if not isinstance(notes.get(name), kind):
            raise UserError(f"{folder / NOTES}: damaged, {name} is missing; {again}")
    if set(notes["sha256"]) != {PROGRAM, WEIGHTS}:
        raise UserError(f"{folder / NOTES}: damaged, sha256 names other files; {again}")
    return notes


def _check(path: Path, digest: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; copy the exported folder again") from None
    if found != digest:
        raise UserError(f"{path}: damaged, its checksum differs; copy the exported folder again")
