"""Finds a module of a package by its name: the file is the registration.

A new loss, attention or backbone is one new file; nothing here or elsewhere lists it.
"""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from jaxhash.errors import UserError, nearest


def names(package: str) -> list[str]:
    """Lists what a package offers: its modules that define `build`.

    >>> "dhida" in names("jaxhash.losses")
    True
    """
    path = importlib.import_module(package).__path__
    modules = [module.name for module in pkgutil.iter_modules(path)]
    return [name for name in modules if hasattr(_module(package, name), "build")]


def find(package: str, name: str) -> ModuleType:
    """Imports `package.name`; raises UserError with the nearest known name if there is none."""
    known = names(package)
    if name not in known:
        kind = package.rpartition(".")[2]
        raise UserError(f"unknown {name!r} in jaxhash/{kind}: {nearest(name, known)}")
    return _module(package, name)


def defaults(package: str) -> dict[str, dict[str, Any]]:
    """Lists the options of each module of a package with their defaults: those of its `build`.

    A parameter without a default, and `dtype`, is given by the caller and is no option.

    >>> defaults("jaxhash.models.attention")["ida"]
    {'reduce_axis': 'query'}
    """
    return {
        name: {
            parameter.name: parameter.default
            for parameter in inspect.signature(_module(package, name).build).parameters.values()
            if parameter.default is not parameter.empty and parameter.name != "dtype"
        }
        for name in names(package)
    }


def options(section: Any, module: ModuleType) -> dict[str, Any]:
    """Returns the options that a section of a config holds for one of its choices.

    They stand under the choice's own name, so that changing the name alone is enough.

    >>> from ml_collections import ConfigDict
    >>> section = ConfigDict(dict(name="dhida", dhida=dict(gamma=0.2)))
    >>> options(section, find("jaxhash.losses", "dhida"))
    {'gamma': 0.2}
    """
    return dict(section.get(module.__name__.rpartition(".")[2], {}))


def _module(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")
