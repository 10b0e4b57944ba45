"""List the prepared copies of data sets with their sources, and delete those that are named.

  python -m jaxhash.data
  python -m jaxhash.data --clean folder_2307027c50d4
  python -m jaxhash.data --dir PATH --clean-all

Copies are made again when a run needs them and their source is there. Deleting asks for nothing; it
deletes only what jaxhash has made and no process uses.
"""

import math
import sys
import time
from pathlib import Path

from jaxhash.cli import command_line
from jaxhash.data import copies, datasets
from jaxhash.data.copies import Copy
from jaxhash.errors import UserError, printable

UNITS = ("B", "kB", "MB", "GB", "TB")
TIMES = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def main(argv: list[str]) -> None:
    """Lists or deletes copies, as the arguments say."""
    parser = command_line.Parser("python -m jaxhash.data", description=__doc__)
    parser.add_argument(
        "--dir",
        metavar="PATH",
        help="folder of the TFDS data sets ($TFDS_DATA_DIR or ~/tensorflow_datasets): where copies "
        "of your own images lie, and those of published data sets without --config.data.dir",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--clean", nargs="+", metavar="NAME", help="delete the copies so named")
    choice.add_argument("--clean-all", action="store_true", help="delete all copies")
    arguments = parser.parse_args(argv)
    root = datasets.root(arguments.dir)
    if arguments.dir and not root.is_dir():
        raise UserError(f"--dir={arguments.dir}: no such folder")
    if arguments.clean_all:
        clean(root, [copy.name for copy in copies.found(root)])
    elif arguments.clean:
        clean(root, arguments.clean)
    else:
        print(table(root, copies.found(root)))


def table(root: Path, found: list[Copy]) -> str:
    """Lists copies, a line each."""
    if not found:
        return f"no copies under {root / copies.OURS}"
    rows = [("name", "images", "size", "age", "made from")]
    rows += [_row(copy) for copy in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    total = _size(sum(copy.size for copy in found))
    return "\n".join([*lines, f"{len(found):,} under {root / copies.OURS}, {total} in all"])


def clean(root: Path, names: list[str]) -> None:
    """Deletes copies and says what that frees; goes on after one that cannot be deleted.

    Raises:
      UserError: one could not be deleted; the message names all of them.
    """
    refused = []
    for name in dict.fromkeys(names):
        try:
            print(f"{name}: deleted, {_size(copies.clean(root, name))} freed")
        except UserError as error:
            refused.append(str(error))
    if refused:
        raise UserError("; ".join(refused))
    if not names:
        print(f"no copies under {root / copies.OURS}")


def _row(copy: Copy) -> tuple[str, str, str, str, str]:
    images = "?" if copy.images is None else f"{copy.images:,}"
    source = printable(copy.source)
    if copy.folder is None:
        source = "not finished"
    elif source and not Path(copy.source).exists():
        source = f"{source} (not there any more)"
    return copy.name, images, _size(copy.size), _age(time.time() - copy.made), source or "-"


def _size(count: float) -> str:
    """Writes a number of bytes.

    >>> _size(999), _size(12_345_678)
    ('999 B', '12.3 MB')
    """
    if count < 1_000:
        return f"{count:.0f} B"
    power = min(int(math.log10(count)) // 3, len(UNITS) - 1)
    return f"{count / 1_000**power:.1f} {UNITS[power]}"


def _age(seconds: float) -> str:
    """Writes a duration in its largest unit.

    >>> _age(30), _age(7_300), _age(200_000)
    ('0 minutes', '2 hours', '2 days')
    """
    name, length = next((unit for unit in TIMES if seconds >= unit[1]), TIMES[-1])
    count = max(0, int(seconds // length))
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def run() -> None:
    """Enters from the command line."""
    command_line.run(lambda: main(sys.argv[1:]))


if __name__ == "__main__":
    run()
