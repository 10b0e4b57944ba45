"""Deep hashing with attention, in JAX: networks that turn a picture into a few bits.

Every name of `__all__` is imported when it is first used, so that `import jaxhash` is quick and
needs no JAX. Packages are offered under their own names; one loss, attention mechanism, backbone or
head is one module of its package, as in `from jaxhash.losses import dhida`.

>>> import jaxhash
>>> from jaxhash.models import quantizers
>>> float(quantizers.sign(quantizers.piecewise(-3.0)))
-1.0
>>> jaxhash.Task.__name__
'Task'
"""

import importlib

_MODULES = (
    "config",  # configurations, as configs/ makes them
    "data",  # data sets, their splits, the order of batches, augmentation
    "encoders",  # a trained network to use: codes, attention maps, export
    "losses",  # objectives
    "metrics",  # Hamming distances, rankings, curves
    "models",  # networks: attention, backbones, heads, quantizers, pretrained weights
    "training",  # the loop of the command line, and its parts
)
_FROM = {
    "Augment": "data.augment",
    "Coded": "metrics.hamming",
    "Codes": "losses",
    "Encoder": "encoders.encoder",
    "Experiment": "training.experiment",
    "Exported": "encoders.exported",
    "HashLoss": "losses",
    "HashModel": "models.hash_network",
    "Outputs": "models.heads",
    "Replicas": "distributed.devices",
    "Task": "losses",
    "TrainState": "training.state",
    "UserError": "errors",
    "compiled": "encoders.batches",
    "distances": "metrics.hamming",
    "evaluate": "metrics.evaluate",
    "evaluate_checkpoint": "training.loop",
    "export_encoder": "encoders.exporter",
    "mean_average_precision": "metrics.evaluate",
    "open_encoder": "encoders.encoder",
    "open_ready": "encoders.ready",
    "train_and_evaluate": "training.loop",
    "train_step": "training.steps",
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
