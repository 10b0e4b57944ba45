"""Where a run comes from, in its workdir as `origin.json`: another run's network, extensions."""

import json
from typing import Any, NamedTuple

from etils import epath

from jaxhash.errors import UserError
from jaxhash.runs import disk
from jaxhash.runs import workdir as workdirs

ORIGIN = "origin.json"


class Origin(NamedTuple):
    """Where a run comes from.

    initialised_from: what `jaxhash.training.initial.from_run` noted of the network that the run
    started from; None for random and pretrained weights. extended: the steps at which the run had
    been finished before it was extended, ascending.
    """

    initialised_from: dict[str, Any] | None = None
    extended: tuple[int, ...] = ()

    def notes(self) -> dict[str, Any]:
        """Returns what there is to say, for the provenance of results.

        >>> Origin(extended=(12,)).notes()
        {'extended': [12]}
        """
        noted = {"initialised_from": self.initialised_from, "extended": list(self.extended)}
        return {name: value for name, value in noted.items() if value}


def read(workdir: epath.Path) -> Origin:
    """Reads `origin.json`; a workdir without it comes from nowhere.

    Raises:
      UserError: it is damaged, or cannot be read.
    """
    path = workdir / ORIGIN
    try:
        kept = json.loads(path.read_text())
        source, extended = kept.get("initialised_from"), kept.get("extended", [])
        if source is not None and not isinstance(source, dict):
            raise TypeError
        return Origin(source, tuple(map(int, extended)))
    except FileNotFoundError:
        return Origin()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({disk.reason(error)}); allow it") from None
    except (ValueError, TypeError, AttributeError):
        raise UserError(f"{path}: damaged; restore it, or train in another --workdir") from None


def write(workdir: epath.Path, origin: Origin) -> None:
    """Writes `origin.json`, whole or not at all, where there is something to say."""
    if origin.notes():
        with disk.writing(workdir, workdir / ORIGIN):
            workdirs.write(workdir / ORIGIN, json.dumps(origin.notes(), indent=1) + "\n")
