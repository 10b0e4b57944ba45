"""Values of a config as the command line gives them: `--config.optim.lr=1e-4`."""

import re
from collections.abc import Iterable

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import tuple_parser

from jaxhash import config as configs
from jaxhash.errors import UserError, nearest

PREFIX = "--config."
EXPECTED = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    tuple: 'a tuple, such as (0.5,) or ("stage3","stage4")',
}
READERS = {
    int: flags.IntegerParser().parse,
    float: flags.FloatParser().parse,
    bool: flags.BooleanParser().parse,
    tuple: tuple_parser.TupleParser().parse,
    str: str,
}
_OVERRIDE = re.compile(r"--?(no)?config\.([^=]*)(?:=(.*))?", re.DOTALL)


def split(arguments: Iterable[str], config: ConfigDict) -> tuple[list[str], list[str]]:
    """Takes the overrides of a config out of the arguments of a command, each checked by its type.

    They may have every form that absl and ml_collections take: `--config.optim.lr=1e-4`,
    `--config.optim.lr 1e-4`, and for a bool `--config.data.flip` and `--noconfig.data.flip`.

    Args:
      arguments: of the command line.
      config: what they override.

    Returns:
      the overrides, all in the form `--config.NAME=VALUE`, and all other arguments.

    Raises:
      UserError: an override of what is not in the config, or by a value of another type.

    >>> split(["--config.optim.lr", "1e-4", "--config.data.flip", "-x"], configs.base())
    (['--config.optim.lr=1e-4', '--config.data.flip=True'], ['-x'])
    """
    overrides, others = [], []
    rest = iter(arguments)
    for argument in rest:
        found = _OVERRIDE.fullmatch(argument)
        if not found:
            others.append(argument)
            continue
        negated, name, value = found.groups()
        kind = _kind(config, name)
        if negated and (kind is not bool or value is not None):
            raise UserError(f"{argument}: --noconfig.NAME is for True and False, without a value")
        if value is None and kind is bool:
            value = str(not negated)
        elif value is None:
            value = next(rest, None)
        if value is None:
            raise UserError(f"{argument}: expected a value, as in {PREFIX}{name}=VALUE")
        try:
            READERS[kind](value)
        except (TypeError, ValueError):
            raise UserError(f"{name}={value}: expected {EXPECTED[kind]}") from None
        overrides.append(f"{PREFIX}{name}={value}")
    return overrides, others


def build(path: str, arguments: Iterable[str]) -> ConfigDict:
    """Builds the config that `python -m jaxhash.main --config=PATH ARGUMENTS` would run.

    Raises:
      UserError: there is no such config, an argument does not fit it, or a value is out of its
        range.

    >>> build("configs/dhida.py:bits=16", ["--config.optim.lr=1e-4"]).optim.lr
    0.0001
    """
    config = configs.load(path)
    overrides, others = split(arguments, config)
    if others:
        raise UserError(f"unexpected argument {others[0]!r}; values are set as {PREFIX}NAME=VALUE")
    return apply(config, overrides)


def apply(config: ConfigDict, overrides: Iterable[str]) -> ConfigDict:
    """Returns a config, locked, with the overrides that `split` gave, and all values checked.

    Raises:
      UserError: a value is out of its range.

    >>> apply(configs.base(), ["--config.optim.lr=0"])
    Traceback (most recent call last):
    jaxhash.errors.UserError: optim.lr=0.0: expected a number above 0, at most 1000
    """
    for override in overrides:
        name, _, value = override.removeprefix(PREFIX).partition("=")
        config.update_from_flattened_dict({name: READERS[_kind(config, name)](value)})
    configs.check(config)
    return config.lock()


def _kind(config: ConfigDict, name: str) -> type:
    """Returns the type of a value, also where it is not set."""
    known = configs.flatten(config)
    if name not in known:
        raise UserError(f"unknown config key {name!r}: {nearest(name, known)}")
    *sections, leaf = name.split(".")
    for section in sections:
        config = config[section]
    return config.get_type(leaf)
