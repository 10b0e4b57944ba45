"""`restore`: puts a copy made by `backup` in place of what an index holds."""

from argparse import Namespace
from pathlib import Path

from jaxhash.search.commands import opening
from jaxhash.search.index.backup import restore


def run(options: Namespace) -> None:
    """Replaces the index of `--workdir` or `--index` by `--from`, also while it is in use."""
    folder = opening.embedded(options)
    count = restore(folder, Path(options.source).expanduser())
    print(f"the index in {folder} holds {count:,} images")
