"""From configs and sweeps to runs: their product, checked before anything runs."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash import losses
from jaxhash.cli import overrides
from jaxhash.data import datasets
from jaxhash.errors import UserError, nearest
from jaxhash.grid.run import Run
from jaxhash.models import hash_network
from jaxhash.report import table
from jaxhash.runs import workdir
from jaxhash.training import optimizers


class Sweep(NamedTuple):
    """A setting and its values, as they were written."""

    key: str
    values: tuple[str, ...]


class _Setting(NamedTuple):
    """A setting of one config: an argument after its colon, or a value inside it."""

    key: str
    value: str
    argument: bool


def paths(texts: Sequence[str]) -> list[str]:
    """Splits the values of `--config=` into configs, each with its arguments.

    >>> paths(["configs/a.py:bits=16,scale=small,configs/b.py", "c.py"])
    ['configs/a.py:bits=16,scale=small', 'configs/b.py', 'c.py']
    """
    return [path for text in texts for path in re.split(r",(?=[^,=:]+\.py(?:[,:]|$))", text)]


def sweep(text: str) -> Sweep:
    """Reads `KEY=VALUE,VALUE,...`; commas within brackets do not separate.

    Raises:
      UserError: there is no key, no value, or a value twice.

    >>> sweep("bits=16,32").values
    ('16', '32')
    >>> sweep('config.model.attention.nodes=("stage*",),("last",)').values
    ('("stage*",)', '("last",)')
    """
    key, _, rest = text.partition("=")
    key = key.strip().removeprefix("config.")
    values = tuple(value.strip() for value in re.split(r",(?![^(\[]*[)\]])", rest))
    if not key or not all(values):
        raise UserError(f"--sweep {text}: expected KEY=VALUE,VALUE,..., such as bits=16,32")
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"--sweep {text}: {value} is given twice")
    return Sweep(key, values)


def expand(
    paths: Sequence[str],
    sweeps: Sequence[Sweep],
    fixed: Sequence[str],
    seeds: int | None,
    out: Path,
) -> list[Run]:
    """Lists the runs of a grid, config by config; the last sweep varies fastest.

    Args:
      paths: configs, each with its arguments after a colon.
      sweeps: the settings to vary; each key is an argument of the config, or the path of a value.
      fixed: overrides for all runs, "--config.NAME=VALUE".
      seeds: how many, from 0; None takes the seed of the config.
      out: the parent folder of the runs.

    Raises:
      UserError: a key that a config does not have, a value out of its range, a setting that is
        given twice or that the config does not use, two equal runs, or a folder with another run.
    """
    if seeds is not None:
        if seeds < 1:
            raise UserError(f"--seeds={seeds}: expected a whole number from 1")
        sweeps = [*sweeps, Sweep("seed", tuple(map(str, range(seeds))))]
    keys = [given.key for given in sweeps]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"{key} is swept over twice, by --sweep or --seeds; give it once")
    runs: dict[str, Run] = {}
    names: dict[str, str] = {}
    for path in paths:
        for run, config in _of_config(path, sweeps, fixed, out):
            same = names.setdefault(json.dumps(_identity(config)), run.name)
            if same != run.name or run.name in runs:
                raise UserError(
                    f"{same} and {run.name} are the same run, or have the same name; leave out or "
                    "rename one of them"
                )
            workdir.check(run.folder, config)
            runs[run.name] = run
    return [*runs.values()]


def _of_config(
    path: str, sweeps: Sequence[Sweep], fixed: Sequence[str], out: Path
) -> Iterator[tuple[Run, ConfigDict]]:
    file, _, text = path.partition(":")
    plain = overrides.build(path, fixed)
    pairs = (pair.partition("=") for pair in filter(None, text.split(",")))
    given = [_Setting(key, value, True) for key, _, value in pairs]
    known = configs.known_arguments(file)
    taken = {setting.key for setting in given}
    taken |= {argument.removeprefix(overrides.PREFIX).partition("=")[0] for argument in fixed}
    arguments = [_is_argument(each.key, file, known, plain) for each in sweeps]
    for each in sweeps:
        if each.key in taken:
            raise UserError(f"--sweep {each.key}: {each.key} is set for all runs; give it once")
    for values in itertools.product(*(each.values for each in sweeps)):
        settings = [
            _Setting(each.key, value, argument)
            for each, value, argument in zip(sweeps, values, arguments, strict=True)
        ]
        yield _run(file, given, settings, fixed, out)


def _is_argument(key: str, file: str, known: dict[str, Any], config: ConfigDict) -> bool:
    """Tells whether a key is an argument of a config; otherwise it must be a value in it."""
    if key in known:
        return True
    flat = configs.flatten(config)
    if key in flat:
        return False
    named_so = [name for name in flat if name.rpartition(".")[2] == key]
    hint = f"did you mean {named_so[0]}?" if named_so else nearest(key, [*known, *flat])
    if hint.startswith("known"):  # all values of a config are too many for a line
        hint = f"its arguments are {', '.join(known) or 'none'}, and a value is named like optim.lr"
    raise UserError(f"--sweep {key}: {file} has no such argument or value; {hint}")


def _run(
    file: str, given: list[_Setting], swept: list[_Setting], fixed: Sequence[str], out: Path
) -> tuple[Run, ConfigDict]:
    arguments = ",".join(f"{s.key}={s.value}" for s in (*given, *swept) if s.argument)
    path = f"{file}:{arguments}" if arguments else file
    own = [f"--config.{s.key}={s.value}" for s in swept if not s.argument]
    config = overrides.build(path, [*fixed, *own])
    check(config)
    for setting in swept:
        if not setting.argument:
            _check_measured(setting.key, config)
    flat, defaults = configs.flatten(config), configs.known_arguments(file)

    def canonical(setting: _Setting) -> str:
        """Writes a value in one form, so that 1e-3 and 0.001 have the same folder."""
        if not setting.argument:
            value = flat[setting.key]
            return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
        kind = type(defaults[setting.key])
        return setting.value if kind is tuple else str(kind(setting.value))

    named = sorted((s.key, canonical(s)) for s in (*given, *swept) if s.key != "seed")
    parts = [Path(file).stem, *(f"{k}={v}" for k, v in named), f"seed={config.seed}"]
    name = ",".join(quote(part, safe="=+") for part in parts)
    if len(name) > 200:
        raise UserError(
            f"{name}: too long for the name of a folder; put some settings into a config file"
        )
    return Run(out / name, path, (*fixed, *own)), config


def check(config: ConfigDict) -> None:
    """Builds the parts of a config that need no data, to find mistakes before any run starts.

    Raises:
      UserError: an unknown name, or an option out of its range.

    >>> check(configs.base())
    """
    hash_network.build(config.model, labels=2)
    losses.build(config.loss)
    optimizers.build(config.optim, total_steps=1)
    datasets.protocol(config.data.name, config.data.protocol)


def _check_measured(key: str, config: ConfigDict) -> None:
    """Raises UserError for a sweep over a setting that changes no result."""
    used = configs.in_use(configs.flatten(config))
    if key not in used:
        raise UserError(f"--sweep {key}: {config.name} does not use it; sweep what its config uses")
    if key not in _identity(config) or key in ("name", *configs.FREE_TO_CHANGE):
        raise UserError(
            f"--sweep {key}: it changes no result; set it once, as --config.{key}=VALUE"
        )


def _identity(config: ConfigDict) -> dict[str, Any]:
    """Returns the values that results depend on: two runs with equal ones are the same run."""
    flat = configs.flatten(config)
    own = {key: flat[key] for key in ("seed", "model.bits", "data.dir")}
    return table.settings({"config": config.to_dict()}) | own
