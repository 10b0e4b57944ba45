"""Pretrained weights: from a safetensors file or a Hugging Face repository into a Flax backbone."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from flax import traverse_util
from huggingface_hub import hf_hub_download
from safetensors.numpy import load_file

from jaxhash.errors import UserError

NONE = "none"


def initialise(variables: dict, weights: str, torch_name: Callable) -> dict:
    """Fills the backbone of a model with pretrained weights.

    Args:
      variables: `{"params": {"backbone": ...}, "batch_stats": {"backbone": ...}}` and other parts,
        which stay as they are.
      weights: `"none"`, a path to a `.safetensors` file, or a Hugging Face repository
        ("timm/resnet18.tv_in1k") that holds `model.safetensors`.
      torch_name: the family's `torch_name`.

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
        backbone = _convert(parts.get("backbone", {}), tensors, torch_name, weights)
        initialised[collection] = {**parts, "backbone": backbone} if backbone else parts
    return initialised


def read(weights: str) -> dict[str, np.ndarray]:
    """Reads all tensors of a local safetensors file or of a Hugging Face repository."""
    if weights.endswith(".safetensors"):
        path = Path(weights).expanduser()
        if not path.is_file():
            raise UserError(f"model.weights={weights}: no such file; or use model.weights=none")
    else:
        path = _download(weights)
    try:
        return load_file(path)
    except Exception as error:
        raise UserError(
            f"model.weights={weights}: not a readable safetensors file ({_first_line(error)})"
        ) from error


def _download(repository: str) -> str:
    try:
        return hf_hub_download(repository, "model.safetensors", etag_timeout=10)
    except Exception as error:
        raise UserError(
            f"model.weights={repository}: cannot be fetched from Hugging Face "
            f"({type(error).__name__}); download its model.safetensors elsewhere and give the path "
            "as model.weights=PATH.safetensors, or train from scratch with model.weights=none"
        ) from error


def _convert(
    template: dict, tensors: dict[str, np.ndarray], torch_name: Callable, weights: str
) -> dict:
    """Asks the file for every weight that the template has, in the template's shape."""
    converted = {}
    for path, leaf in traverse_util.flatten_dict(template).items():
        name = torch_name(path)
        if name not in tensors:
            raise UserError(f"model.weights={weights}: has no tensor {name!r} for this backbone")
        value = _transpose(tensors[name], leaf.ndim) if path[-1] == "kernel" else tensors[name]
        if value.shape != leaf.shape:
            raise UserError(
                f"model.weights={weights}: tensor {name!r} has shape {value.shape}, this model "
                f"needs {tuple(leaf.shape)}; choose the options of model.backbone that the weights "
                "were trained with, or model.weights=none"
            )
        converted[path] = value.astype(leaf.dtype)
    return traverse_util.unflatten_dict(converted)


def _transpose(kernel: np.ndarray, ndim: int) -> np.ndarray:
    """PyTorch keeps [out in (h w)], Flax [(h w) in out]; 1x1 kernels may lose their h and w."""
    if kernel.ndim == 4 and ndim == 2 and kernel.shape[2:] == (1, 1):
        kernel = kernel[:, :, 0, 0]
    order: Sequence[int] = (2, 3, 1, 0) if kernel.ndim == 4 else (1, 0)
    return np.transpose(kernel, order)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
