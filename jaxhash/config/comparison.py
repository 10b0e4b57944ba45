"""Comparison of configs by the values that their runs use."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxhash import registry
from jaxhash.config.default import CHOICES
from jaxhash.config.values import flatten

# What may change when a run is resumed: where files lie and what is reported, not what is computed.
FREE_TO_CHANGE = (
    "data.dir",
    "data.features",
    "data.stream",
    "data.workers",
    "devices",
    "eval.cosine",
    "eval.pictures",
    "log.every_steps",
    "checkpoint.keep",
)


def _is(name: str, value: Any) -> Callable[[dict], bool]:
    return lambda flat: flat.get(name) == value


def _has_attention(flat: dict) -> bool:
    return flat.get("model.attention.name") != "none"


def _is_frozen(flat: dict) -> bool:
    return flat.get("train.freeze", "none") != "none"


# What a run does not use whose hash layer is fitted by a shallow method.
_OF_TRAINING = (
    "loss.",
    "optim.",
    "model.head.",
    "train.batch_size",
    "train.order",
    "eval.at_start",
)


# Values that a run uses only where another value asks for them.
_USED_WHERE: dict[str, Callable[[dict], bool]] = {
    "data.label_separator": _is("data.name", "manifest"),
    "optim.drop_percent": _is("optim.schedule", "step"),
    "optim.warmup_percent": _is("optim.schedule", "one_cycle"),
    "optim.multiplier.attention": _has_attention,
    "model.attention.nodes": _has_attention,
    "train.views": _is_frozen,
    "train.total_epochs": _is("train.total_steps", None),
    "eval.every_epochs": _is("eval.every_steps", None),
    "checkpoint.every_epochs": _is("checkpoint.every_steps", None),
}


def in_use(flat: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a flat config that its run uses.

    Left out are the options of losses, backbones, heads and attention that are not chosen, and
    values that another one disables, such as `optim.warmup_percent` without a warmup.

    >>> in_use({"loss.name": "dah", "loss.dah.weight": 2, "loss.adh.eta": 3, "seed": 0})
    {'loss.name': 'dah', 'loss.dah.weight': 2, 'seed': 0}
    """
    unused = {name for name, used in _USED_WHERE.items() if name in flat and not used(flat)}
    if flat.get("model.shallow.name", "none") != "none":
        unused |= {name for name in flat if name.startswith(_OF_TRAINING)}
    for section, package in CHOICES.items():
        modules = {}
        for name in flat:
            module, _, option = name.removeprefix(f"{section}.").partition(".")
            if name.startswith(f"{section}.") and option:
                modules[name] = module
        others = _not_chosen(package, str(flat.get(f"{section}.name")), {*modules.values()})
        unused |= {name for name, module in modules.items() if module in others}
    return {name: value for name, value in flat.items() if name not in unused}


def _not_chosen(package: str, choice: str, modules: set[str]) -> set[str]:
    """Returns those of some modules of a package that do not build a choice."""
    if choice in modules or not modules:
        return modules - {choice}
    # A variant, such as resnet18, has the options of the file that builds it.
    builder = registry.builder(package, choice)
    if builder is not None:
        return modules - {builder}
    # Of a file that is not installed here: it may be any of those that are not.
    return modules & set(registry.names(package))


def differences(old: ConfigDict, new: ConfigDict) -> list[str]:
    """Lists the differences of two configs in values that both runs use and that are not free.

    >>> differences(ConfigDict(dict(bits=16)), ConfigDict(dict(bits=48)))
    ['bits is 16 there and 48 here']
    """
    there, here = flatten(old), flatten(new)
    # A value that both have, and one does not use, follows from another difference.
    names = (in_use(there).keys() & in_use(here).keys()) | (
        (in_use(there).keys() | in_use(here).keys()) - (there.keys() & here.keys())
    )
    return [
        f"{name} is {there.get(name, 'absent')} there and {here.get(name, 'absent')} here"
        for name in sorted(names)
        if there.get(name, _ABSENT) != here.get(name, _ABSENT) and name not in FREE_TO_CHANGE
    ]


_ABSENT = object()
