"""Values of a config as the command line gives them: `--config.optim.lr=1e-4`."""

from collections.abc import Iterable
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxhash import config as configs
from jaxhash.errors import UserError, nearest

PREFIX = "--config."
EXPECTED = {int: "a whole number", float: "a number", bool: "True or False"}
TRUTHS = ("true", "false", "t", "f", "1", "0")  # those that absl takes


def check(arguments: Iterable[str], config: ConfigDict) -> None:
    """Raises UserError for an override of what is not in a config, or of another type.

    Args:
      arguments: of the command line; those that are no overrides are passed over.
      config: what they override.

    >>> check(["--config.optim.lr=1e-4", "--workdir=x"], configs.base())
    """
    known = configs.flatten(config)
    for argument in arguments:
        if not argument.startswith(PREFIX):
            continue
        name, _, value = argument.removeprefix(PREFIX).partition("=")
        if name not in known:
            raise UserError(f"unknown config key {name!r}: {nearest(name, known)}")
        kind = _kind(config, name)
        if not _reads(kind, value):
            raise UserError(f"{name}={value}: expected {EXPECTED[kind]}")


def build(path: str, arguments: Iterable[str]) -> ConfigDict:
    """Builds the config that `python -m jaxhash.main --config=PATH ARGUMENTS` would run.

    Raises:
      UserError: there is no such config, or an argument does not fit it.

    >>> build("configs/dhida.py:bits=16", ["--config.optim.lr=1e-4"]).optim.lr
    0.0001
    """
    arguments = list(arguments)
    config = configs.load(path)
    check(arguments, config)
    argv, values = ["", *arguments], flags.FlagValues()
    config_flags.DEFINE_config_dict(
        "config", config, "", lock_config=True, flag_values=values, sys_argv=argv
    )
    parse(values, argv)
    return values.config


def parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Parses flags; turns every mistake in them into a UserError of one line."""
    try:
        return values(argv)
    except (flags.Error, TypeError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(lines[-1]) from error


def _kind(config: ConfigDict, name: str) -> type:
    """Returns the type of a value, also where it is not set."""
    *sections, leaf = name.split(".")
    for section in sections:
        config = config[section]
    return config.get_type(leaf)


def _reads(kind: type, value: Any) -> bool:
    if kind is bool:
        return value.lower() in TRUTHS
    try:
        return kind not in (int, float) or kind(value) is not None
    except ValueError:
        return False
