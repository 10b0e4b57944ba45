"""Finds modules of a package by name: a file is registered by being there.

A new loss, attention, backbone, head or data set is one new file; nothing here or elsewhere lists
it. Files that begin with an underscore are helpers and never offered.
"""

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxhash.errors import UserError, first_line, nearest

_reported: set[str] = set()


class _Modules(NamedTuple):
    """The modules of a package: those that it offers, and why others cannot be, by name."""

    offered: dict[str, ModuleType]
    broken: dict[str, str]


def names(package: str) -> list[str]:
    """Lists what a package offers: its modules that define `build`.

    >>> "dhida" in names("jaxhash.losses"), "_pairs" in names("jaxhash.losses")
    (True, False)
    """
    return list(_scan(package).offered)


def find(package: str, name: str) -> ModuleType:
    """Imports `package.name`, or the module of the package that has `name` among its `VARIANTS`.

    A file of the package that cannot be imported, and is not the one that is asked for, is named
    once on stderr.

    Raises:
      UserError: there is none, with the nearest known name; or it cannot be imported.

    >>> find("jaxhash.models.backbones", "resnet18").__name__
    'jaxhash.models.backbones.resnet'
    """
    offered, broken = _scan(package)
    if name in broken:
        raise UserError(f"{broken[name]}; correct it, or choose another: {', '.join(offered)}")
    for reason in broken.values():
        if reason not in _reported:
            _reported.add(reason)
            print(f"jaxhash: left out: {reason}", file=sys.stderr)
    module = offered.get(name) or offered.get(_builder(offered, name) or "")
    if module is None:
        known = [choice for each in offered for choice in _choices(offered, each)]
        kind = package.removeprefix("jaxhash.").replace(".", "/")
        raise UserError(f"unknown {name!r} in jaxhash/{kind}: {nearest(name, known)}")
    return module


def builder(package: str, name: str) -> str | None:
    """Names the module of a package that builds a choice; None where none does.

    >>> builder("jaxhash.models.backbones", "swin_tiny"), builder("jaxhash.losses", "dah")
    ('swin', 'dah')
    """
    return _builder(_scan(package).offered, name)


def defaults(package: str) -> dict[str, dict[str, Any]]:
    """Lists the options of each module of a package with their defaults: those of its `build`.

    A parameter without a default, and `dtype`, is given by the caller and is no option.

    >>> defaults("jaxhash.models.attention")["ida"]
    {'reduce_axis': 'query'}
    """
    return {name: _options(module.build) for name, module in _scan(package).offered.items()}


def options(section: Any, module: ModuleType) -> dict[str, Any]:
    """Returns the options that a section of a config holds for one of its choices.

    They are under the name of the module, so that changing `name` is enough to choose another.

    >>> from ml_collections import ConfigDict
    >>> section = ConfigDict(dict(name="dhida", dhida=dict(gamma=0.2)))
    >>> options(section, find("jaxhash.losses", "dhida"))
    {'gamma': 0.2}
    """
    return dict(section.get(module.__name__.rpartition(".")[2], {}))


def _scan(package: str) -> _Modules:
    """Imports all modules of a package but its helpers, whether or not some of them fail."""
    offered, broken = {}, {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name.startswith("_"):
            continue
        try:
            module = importlib.import_module(f"{package}.{info.name}")
            _check(module)
        except Exception as error:  # whatever a file raises that somebody is writing
            file = Path(getattr(info.module_finder, "path", "")) / f"{info.name}.py"
            broken[info.name] = f"{file}: {type(error).__name__}: {first_line(error)}"
        else:
            offered[info.name] = module
    return _Modules(offered, broken)


def _check(module: ModuleType) -> None:
    """Raises TypeError for a module that cannot be offered."""
    if not callable(getattr(module, "build", None)):
        raise TypeError("it has no function build")
    for name, default in _options(module.build).items():
        if not _plain(default):
            raise TypeError(
                f"the default of {name} in its build is a {type(default).__name__}, expected a "
                "number, a text, True, False or a tuple of these, which a config can hold"
            )


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return type(value) in (bool, int, float, str)


@functools.cache
def _options(build: Callable) -> dict[str, Any]:
    return {
        parameter.name: parameter.default
        for parameter in inspect.signature(build).parameters.values()
        if parameter.default is not parameter.empty and parameter.name != "dtype"
    }


def _choices(offered: dict[str, ModuleType], name: str) -> list[str]:
    """Lists what a config may choose of a module: its variants, or itself where it has none."""
    return list(getattr(offered[name], "VARIANTS", (name,)))


def _builder(offered: dict[str, ModuleType], choice: str) -> str | None:
    return next((name for name in offered if choice in _choices(offered, name)), None)
