"""What a run was trained on, kept in its workdir as `dataset.json`: the split and the classes."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from etils import epath

from jaxhash.errors import UserError
from jaxhash.runs import workdir as workdirs

DATASET = "dataset.json"


class Dataset(NamedTuple):
    """What identifies the data of a run.

    split: checksum of the train, query and database splits. classes: names of the labels, in order.
    """

    split: str
    classes: Sequence[str]


def read(workdir: epath.PathLike) -> Dataset | None:
    """Reads `dataset.json`; None where there is none, as in workdirs of version 0.1.

    Raises:
      UserError: it is damaged.
    """
    path = epath.Path(workdir) / DATASET
    try:
        kept = json.loads(path.read_text())
        return Dataset(str(kept["split"]), [str(name) for name in kept["classes"]])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; delete it, the next start writes it again") from None


def check(workdir: epath.PathLike, dataset: Dataset) -> None:
    """Raises UserError where a run has begun on another split or with other classes."""
    kept = read(workdir)
    if kept is None:
        return
    if kept.split != dataset.split or list(kept.classes) != list(dataset.classes):
        raise UserError(
            f"workdir {workdir} holds a run on another split of the data: its checksum is "
            f"{kept.split} there and {dataset.split} here; restore the images, or give another "
            "--workdir"
        )


def write(workdir: epath.PathLike, dataset: Dataset) -> None:
    """Writes `dataset.json`, whole or not at all."""
    text = json.dumps({"split": dataset.split, "classes": list(dataset.classes)}, indent=1)
    workdirs.write(epath.Path(workdir) / DATASET, text + "\n")
