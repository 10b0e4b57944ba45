"""Deep hashing with attention, in JAX: networks that turn a picture into a few bits.

Every name of `__all__` is imported when it is first used, so that `import jaxhash` is quick and
needs no JAX. Modules are offered under their own names; one loss, attention mechanism, backbone or
head is one module of its package, as in `from jaxhash.losses import dhida`.

>>> import jaxhash
>>> float(jaxhash.models.quantizers.sign(jaxhash.models.quantizers.piecewise(-3.0)))
-1.0
"""

import importlib

_MODULES = (
    "attention",  # mechanisms, each a pure function and a Linen module
    "backbones",  # trunks of networks, and the converter of pretrained weights
    "config",  # configurations, as configs/ makes them
    "encode",  # images to packed codes, in batches over the devices
    "evaluate",  # codes to every number of a results table
    "heads",  # hash layers
    "losses",  # objectives
    "metrics",  # Hamming distances, rankings, curves
    "model",  # backbone, attention and head as one network
    "quantize",  # from real outputs to bits, with straight-through gradients
    "train",  # the training loop of the command line
)
_FROM = {
    "Augment": "data.augment",
    "Coded": "metrics.hamming",
    "Codes": "losses",
    "Encoder": "encoder",
    "Exported": "exported",
    "HashLoss": "losses",
    "HashModel": "model",
    "Outputs": "heads",
    "Task": "losses",
    "UserError": "errors",
    "compiled": "encode",
    "distances": "metrics.hamming",
    "evaluate_checkpoint": "train",
    "export_encoder": "artefact",
    "mean_average_precision": "evaluate",
    "open_encoder": "encoder",
    "train_and_evaluate": "train",
}

__all__ = sorted([*_MODULES, *_FROM])  # noqa: PLE0605  all of it is in sight, above


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FROM:
        return getattr(importlib.import_module(f"{__name__}.{_FROM[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
