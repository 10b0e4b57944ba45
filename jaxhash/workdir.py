"""The folder of a run: claimed by its config, written without leaving halves behind."""

import os
from pathlib import Path

from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.errors import UserError

CONFIG = "config.json"
RESULTS = "results.json"
LOG = "log.txt"  # what a run of a grid says; there before the run itself


def check(workdir: Path, config: ConfigDict) -> None:
    """Raises UserError where a run cannot live in `workdir`; changes nothing.

    It cannot where the folder cannot be written, or where a run with another config lives.
    """
    existing = workdir
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"workdir {workdir}: {existing} cannot be written; give another --workdir")
    if (workdir / CONFIG).exists():
        different = configs.differences(configs.from_json(workdir / CONFIG), config)
        if different:
            raise UserError(
                f"workdir {workdir} holds a run with another config: {'; '.join(different)}; "
                "give another --workdir"
            )
    elif workdir.exists() and any(path.name != LOG for path in workdir.iterdir()):
        raise UserError(f"workdir {workdir} is not empty and holds no run; give another --workdir")


def claim(workdir: Path, config: ConfigDict) -> None:
    """Makes the folder and writes the config into it, where that has not been done."""
    workdir.mkdir(parents=True, exist_ok=True)
    if not (workdir / CONFIG).exists():
        write(workdir / CONFIG, configs.to_json(config))


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all, whenever the process dies."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
