"""The range of every value of a config, and the check of a config by all of them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from jaxhash import registry
from jaxhash.config.comparison import in_use
from jaxhash.config.default import CHOICES
from jaxhash.config.values import flatten
from jaxhash.errors import UserError, nearest, printable

MOST = 2**31 - 1  # steps are counted in int32
MOST_EPOCHS = 1_000_000


class Range(NamedTuple):
    """The values that a setting may have.

    holds: tells whether a value is in the range. expected: the range in words. known: all values
    that there are, where they are names; an unknown one is answered with the nearest.
    """

    holds: Callable[[Any], bool]
    expected: str
    known: tuple[str, ...] = ()


def whole(low: int, high: int, why: str = "") -> Range:
    """Returns the range of whole numbers from low to high.

    >>> whole(1, 3).holds(3), whole(1, 3).holds(True), whole(1, 3).expected
    (True, False, 'a whole number from 1 to 3')
    """
    return Range(
        lambda value: type(value) is int and low <= value <= high,
        f"a whole number from {low} to {high}{why}",
    )


def number(low: float, high: float, *, above: bool = False) -> Range:
    """Returns the range of numbers from low to high, without low itself where `above`.

    NaN is in no range.

    >>> number(0, 1).holds(0), number(0, 1, above=True).holds(0), number(0, 1).holds(math.nan)
    (True, False, False)
    """

    def holds(value: Any) -> bool:
        # bool is an int to Python.
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return plain and (low < value if above else low <= value) and value <= high

    ends = f"above {low}, at most {high}" if above else f"from {low} to {high}"
    return Range(holds, f"a number {ends}")


def one_of(*choices: str) -> Range:
    """Returns a range of a few words."""
    *first, last = choices
    return Range(lambda value: value in choices, f"{', '.join(first)} or {last}")


def named(*known: str) -> Range:
    """Returns the range of the names of something."""
    return one_of(*known)._replace(known=known)


def text(expected: str) -> Range:
    """Returns the range of all text but the empty one."""
    return Range(lambda value: isinstance(value, str) and bool(value.strip()), expected)


def each(kind: Range, expected: str) -> Range:
    """Returns the range of tuples of at least one value, each in a range of its own."""
    return Range(
        lambda value: isinstance(value, tuple) and bool(value) and all(map(kind.holds, value)),
        expected,
    )


def optional(kind: Range) -> Range:
    """Returns a range with None, for a value that is not set."""
    return kind._replace(holds=lambda value: value is None or kind.holds(value))


TRUTH = Range(lambda value: type(value) is bool, "True or False")
NAME = Range(
    lambda value: text("").holds(value) and not set(value) & {"/", "\\", "\0"},
    "a name that a folder can have",
)
SEED = whole(0, 2**32 - 1)
EPOCHS = number(0, MOST_EPOCHS)
STEPS = optional(whole(0, MOST))
MULTIPLIER = number(0, 1_000)
SHARE = Range(lambda value: number(0, 1).holds(value) and value < 1, "a number from 0 to below 1")
HELD_OUT = Range(
    lambda value: number(0, 2**31).holds(value) and (value < 1 or value == int(value)),
    "a share of the training images below 1, or a whole number of them",
)

# Options of losses, backbones, attention and heads are not here: see `_check_option`.
RANGES: dict[str, Range] = {
    "name": NAME,
    "seed": SEED,
    "devices": whole(0, 65_536, ", 0 for all devices"),
    "data.name": text("the name of a data set"),
    "data.protocol": text("the name of a protocol"),
    "data.dir": optional(text("a folder")),
    "data.label_separator": Range(
        lambda value: isinstance(value, str) and value != "", "one or more characters"
    ),
    "data.split_seed": SEED,
    "data.size": whole(8, 4_096, " pixels"),
    "data.stored": whole(0, 16_384, " pixels, 0 for data.size"),
    "data.stream": one_of("auto", "always", "never"),
    "data.workers": whole(0, 1_024, " processes"),
    "data.features": optional(text("a folder")),
    "data.pad": whole(0, 4_096, " pixels"),
    "data.flip": TRUTH,
    "data.zoom": number(0.01, 1),
    "data.jitter": number(0, 1),
    "data.mirrored": TRUTH,
    "data.central": number(0.01, 1),
    "data.held_out": HELD_OUT,
    "data.mean": each(number(0, 1), "a number from 0 to 1 for each channel, pixels from 0 to 1"),
    "data.std": each(
        number(0, 10, above=True),
        "a number above 0, at most 10, for each channel, pixels from 0 to 1",
    ),
    "model.bits": whole(1, 4_096),
    "model.hash_norm": TRUTH,
    "model.backbone.name": text("the name of a backbone"),
    "model.attention.name": text("the name of an attention mechanism"),
    "model.attention.nodes": each(text(""), 'names of nodes, such as ("stage4",) or ("last",)'),
    "model.head.name": text("the name of a head"),
    "model.shallow.name": text("the name of a shallow method, or none"),
    "model.weights": text(
        "none, efficientnet-lite0 and its like, a .safetensors, .pth or .pt file, a Hugging Face "
        "repository, or the folder of a run"
    ),
    "model.dtype": one_of("float32", "bfloat16"),
    "loss.name": text("the name of a loss"),
    "optim.name": named("rmsprop", "adam", "adamw", "sgd"),
    "optim.lr": number(0, 1_000, above=True),
    "optim.weight_decay": number(0, 1_000),
    "optim.clip_norm": number(0, 1e9),
    "optim.average": SHARE,
    "optim.schedule": named("constant", "step", "cosine", "one_cycle"),
    "optim.drop_percent": number(0, 100),
    "optim.warmup_percent": number(0, 100),
    "optim.multiplier.backbone": MULTIPLIER,
    "optim.multiplier.attention": MULTIPLIER,
    "optim.multiplier.head": MULTIPLIER,
    "train.freeze": text("none, a node of the backbone, last or all"),
    "train.views": whole(0, 1_000, " views, 0 to keep nothing"),
    "train.batch_size": whole(2, 2**20, ", since one image has no pairs"),
    "train.order": named("shuffled", "class_balanced", "sampled"),
    "train.total_epochs": EPOCHS,
    "train.total_steps": optional(whole(1, MOST)),
    "eval.batch_size": whole(1, 2**20),
    "eval.at_start": TRUTH,
    "eval.cosine": TRUTH,
    "eval.pictures": TRUTH,
    "eval.every_epochs": EPOCHS,
    "eval.every_steps": STEPS,
    "checkpoint.every_epochs": EPOCHS,
    "checkpoint.every_steps": STEPS,
    "checkpoint.keep": whole(1, MOST),
    "log.every_steps": whole(1, MOST),
}
# Values that name a module of a package.
MODULES = {
    **{f"{section}.name": package for section, package in CHOICES.items()},
    "data.name": "jaxhash.data.sets",
}


def check(config: ConfigDict) -> None:
    """Checks every value of a config by its range, and every name of a module by the registry.

    Reads no data. What depends on the data or on other values, such as nodes of a backbone and
    images large enough for it, is checked by the parts that are built from the config.

    Raises:
      UserError: a value that is missing, unknown, or out of its range.

    >>> check(ConfigDict(dict(seed=-1)))
    Traceback (most recent call last):
    jaxhash.errors.UserError: seed=-1: expected a whole number from 0 to 4294967295
    """
    flat = flatten(config)
    for name, value in flat.items():
        if name in RANGES:
            _check_value(name, value)
    for name in RANGES:
        if name not in flat:
            raise UserError(
                f"the config has no {name}; start from jaxhash.config.base() and change its values"
            )
    if len(flat["data.mean"]) != len(flat["data.std"]):
        raise UserError(
            f"data.mean has {len(flat['data.mean'])} channels, data.std has "
            f"{len(flat['data.std'])}; expected one value for each channel of the images"
        )
    for name, package in MODULES.items():
        _check_module(name, flat[name], package)
    known = {
        f"{section}.{module}.{option}": default
        for section, package in CHOICES.items()
        for module, options in registry.defaults(package).items()
        for option, default in options.items()
    }
    used = in_use(flat)
    for name in sorted(flat.keys() - RANGES.keys()):
        if name in known:
            if name in used:
                _check_option(name, flat[name], known[name])
        elif not _of_another_module(name):
            raise UserError(f"unknown config key {name!r}: {nearest(name, [*RANGES, *known])}")


def _check_value(name: str, value: Any) -> None:
    kind = RANGES[name]
    if kind.holds(value):
        return
    if kind.known and isinstance(value, str):
        raise UserError(f"unknown {name} {value!r}: {nearest(value, kind.known)}")
    raise UserError(f"{name}={printable(str(value))}: expected {kind.expected}")


def _check_module(name: str, value: str, package: str) -> None:
    module = registry.find(package, value)
    if registry.builder(package, value) is None:  # a file that builds other names than its own
        raise UserError(
            f"{name}={printable(str(value))}: expected one of {', '.join(module.VARIANTS)}"
        )


def _check_option(name: str, value: Any, default: Any) -> None:
    """Checks an option of a module by the type of its default; its `build` checks the rest."""
    kinds = {
        bool: TRUTH,
        int: whole(-MOST, MOST),
        float: Range(number(-math.inf, math.inf).holds, "a number"),
        str: text("a text"),
        tuple: Range(lambda value: isinstance(value, tuple), "a tuple"),
    }
    kind = kinds[type(default)]
    values = value if isinstance(value, tuple) else (value,)
    finite = all(math.isfinite(each) for each in values if isinstance(each, float))
    if not (kind.holds(value) and finite):
        raise UserError(f"{name}={printable(str(value))}: expected {kind.expected}")


def _of_another_module(name: str) -> bool:
    """Says whether a value is an option of a module that is not here, and so not chosen."""
    section = next((s for s in CHOICES if name.startswith(f"{s}.")), None)
    if section is None or name.count(".") != section.count(".") + 2:
        return False
    module = name.removeprefix(f"{section}.").partition(".")[0]
    return module not in registry.names(CHOICES[section])
