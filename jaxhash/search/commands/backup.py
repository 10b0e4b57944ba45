"""`backup`: copies an index into one file, also while it is in use."""

from argparse import Namespace
from pathlib import Path

from jaxhash.search.commands import opening
from jaxhash.search.index.backup import backup


def run(options: Namespace) -> None:
    """Writes the index of `--workdir` or `--index` into `--to`."""
    to = Path(options.to).expanduser()
    count = backup(opening.embedded(options), to)
    print(f"{count:,} images in {to}; pictures added through the service are not in it")
