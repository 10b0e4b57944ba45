"""Configs as JSON: what a run leaves in its workdir, readable by later versions of jaxhash."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxhash.config.comparison import in_use
from jaxhash.config.default import base
from jaxhash.config.values import flatten
from jaxhash.errors import UserError

# Values that base() or an option that a `build` had once and has no more, with the default of that
# time: where a run has that default, the value is ignored.
REMOVED: dict[str, Any] = {}


def to_json(config: ConfigDict) -> str:
    """Writes a config as JSON text."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def from_json(path: Path) -> ConfigDict:
    """Reads a config that a run left in its workdir, possibly with another version of jaxhash.

    What did not exist then takes its default, or what it was then (`_as_it_was`). What exists no
    more is ignored where the run did not use it, as options of a loss that was not chosen, or had
    it at the default (`REMOVED`).

    Raises:
      UserError: there is none, it cannot be read, it is damaged, or the run used a setting that
        exists no more.
    """
    try:
        return _completed(_tuples(json.loads(path.read_text())), path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; --workdir must name the folder of a run") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); allow it") from None
    except (ValueError, TypeError, AttributeError):  # no JSON, no object, or of another type
        raise UserError(f"{path}: damaged; restore it or take another --workdir") from None


def _completed(saved: dict[str, Any], path: Path) -> ConfigDict:
    config, found = base(), _as_it_was(flatten(saved))
    known, used = flatten(config), in_use(found)
    gone = {name: value for name, value in found.items() if name not in known}
    for name, value in gone.items():
        if name in used and not (name in REMOVED and REMOVED[name] == value):
            raise UserError(
                f"{path}: {name}={value} is no setting of this version of jaxhash; open the run "
                "with the version that trained it"
            )
    for name in found.keys() & known.keys():
        try:
            config.update_from_flattened_dict({name: found[name]})
        except (TypeError, ValueError):
            if name in used:  # what is not may have become of another type since
                raise
    return config


def _as_it_was(found: dict[str, Any]) -> dict[str, Any]:
    """Adds to the values of an older config what was not a value then.

    Version 0.1.0 drew the splits by the seed of the run, and one's own images by a permutation.

    >>> _as_it_was({"seed": 3, "data.protocol": "own"})["data.protocol"]
    'own_permuted'
    """
    if "data.split_seed" in found or "seed" not in found:
        return found
    then = {"data.split_seed": found["seed"]}
    if found.get("data.protocol") == "own":
        then["data.protocol"] = "own_permuted"
    return found | then


def _tuples(value: Any) -> Any:
    """JSON has lists only; configs have tuples only."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
