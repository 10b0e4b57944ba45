"""Config files: Python files with a function `get_config`, and the arguments after their colon."""

import importlib.util
import inspect
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from jaxhash.errors import UserError, first_line, nearest


def load(path: str) -> ConfigDict:
    """Loads a config as the command line does: a file, and its arguments after a colon.

    Args:
      path: "configs/dhida.py" or "configs/dhida.py:bits=16".

    Raises:
      UserError: there is no such file, it fails, it has no such argument, or what it returns is no
        config.

    >>> load("configs/dhida.py:bits=16").model.bits
    16
    """
    file, _, args = path.partition(":")
    if not Path(file).is_file():
        raise UserError(f"--config={path}: no such file; the configs are in configs/")
    try:
        module = _module(file)
        get_config = getattr(module, "get_config", None)
        if not callable(get_config):
            raise UserError(f"--config={path}: not a config, it has no function get_config")
        takes_arguments = bool(inspect.signature(get_config).parameters)
        if args and not takes_arguments:
            raise UserError(
                f"--config={path}: its get_config() takes no arguments; leave out :{args}"
            )
        config = get_config(args or None) if takes_arguments else get_config()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"--config={path}: fails{_line(error, file)} with {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error
    if not isinstance(config, ConfigDict):
        raise UserError(
            f"--config={path}: get_config returns a {type(config).__name__}, expected the "
            "ConfigDict of jaxhash.config.base() with changes"
        )
    return config


def known_arguments(file: str) -> dict[str, Any]:
    """Returns the arguments that a config takes after its colon, with their defaults.

    >>> known_arguments("configs/quickstart.py")
    {'bits': 32, 'attention': 'ida'}
    """
    try:
        load(f"{file}:=")  # no argument has an empty name
    except UnknownArgument as error:
        return error.known
    except UserError:  # its get_config takes none
        return {}
    return {}


class UnknownArgument(UserError):
    """An argument that a config does not take.

    Attributes:
      known: those that it takes, with their defaults.
    """

    def __init__(self, name: str, known: dict[str, Any]):
        super().__init__(f"unknown config argument {name!r}: {nearest(name, known)}")
        self.known = known


def arguments(text: str | None, **defaults: Any) -> ConfigDict:
    """Parses what follows the colon in `--config=configs/dhida.py:bits=16,attention=none`.

    Args:
      text: "name=value,..." or None.
      defaults: the arguments of a config; each value is read in the type of its default. A tuple
        lists all values that there are, the default first.

    Raises:
      UserError: an unknown argument, or a value of another type.

    >>> arguments("bits=16", bits=48, scale=("paper", "small")).to_dict()
    {'bits': 16, 'scale': 'paper'}
    """
    values = {
        name: value[0] if isinstance(value, tuple) else value for name, value in defaults.items()
    }
    for pair in filter(None, (text or "").split(",")):
        name, _, value = pair.partition("=")
        if name not in defaults:
            raise UnknownArgument(name, defaults)
        choices = defaults[name] if isinstance(defaults[name], tuple) else ()
        if choices and value not in choices:
            raise UserError(f"config argument {name}={value}: expected {' or '.join(choices)}")
        kind = type(values[name])
        try:
            values[name] = kind(value)
        except ValueError:
            raise UserError(
                f"config argument {name}={value}: expected {kind.__name__}, for example "
                f"{name}={values[name]}"
            ) from None
    return ConfigDict(values)


def _module(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:  # the name does not end in .py
        raise UserError(f"--config={file}: not a config, expected a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _line(error: Exception, file: str) -> str:
    """Says in which line of a file an error arose; '' where it is not known."""
    if isinstance(error, SyntaxError):
        return ""  # which says it itself
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f" in line {lines[-1]}" if lines else ""
