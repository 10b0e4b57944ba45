"""List prepared copies of data sets and kept features of frozen trunks, and delete those named.

  python -m jaxhash.data
  python -m jaxhash.data cifar10 --archive=cifar-10-binary.tar.gz
  python -m jaxhash.data --clean folder_2307027c50d4 cifar10-3a1c5b90e1f2
  python -m jaxhash.data --dir PATH --clean-all

With --dir or --features alone, only what lies there is listed and deleted. With the name of a
published data set that needs no TensorFlow (cifar10), that set is prepared in TFDS's layout, from
its published archive: the file that is given, or fetched.

Copies and features are made again when a run needs them and their source is there. Deleting asks
for nothing; it deletes only what jaxhash has made and, of copies, what no process uses.
"""

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxhash.cli import command_line
from jaxhash.data import copies, datasets
from jaxhash.data.copies import Copy
from jaxhash.data.features import cache
from jaxhash.errors import UserError, printable

UNITS = ("B", "kB", "MB", "GB", "TB")
TIMES = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def main(argv: list[str]) -> None:
    """Lists or deletes copies, as the arguments say."""
    parser = command_line.Parser("python -m jaxhash.data", description=__doc__)
    parser.add_argument("name", nargs="?", help="a data set to prepare: cifar10")
    parser.add_argument("--archive", metavar="PATH", help="of the published archive of this set")
    parser.add_argument(
        "--dir",
        metavar="PATH",
        help="folder of the TFDS data sets ($TFDS_DATA_DIR or ~/tensorflow_datasets): where copies "
        "of your own images lie, and those of published data sets without --config.data.dir",
    )
    parser.add_argument(
        "--features",
        metavar="PATH",
        help="folder of kept features ($JAXHASH_FEATURES or ~/.cache/jaxhash/features)",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--clean", nargs="+", metavar="NAME", help="delete what is so named")
    choice.add_argument("--clean-all", action="store_true", help="delete all that is listed")
    arguments = parser.parse_args(argv)
    if arguments.name or arguments.archive:
        if arguments.clean or arguments.clean_all:
            raise UserError("give either a data set to prepare, or what to clean")
        prepare(arguments.name, arguments.archive, datasets.root(arguments.dir))
        return
    root, place = datasets.root(arguments.dir), cache.root(arguments.features)
    for option, folder in (("dir", root), ("features", place)):
        if getattr(arguments, option) and not folder.is_dir():
            raise UserError(f"--{option}={getattr(arguments, option)}: no such folder")
    # Where one folder is given, the other is left alone.
    either = bool(arguments.dir) == bool(arguments.features)
    copied = copies.found(root) if either or arguments.dir else []
    kept = cache.found(place) if either or arguments.features else []
    if arguments.clean_all:
        clean(root, place, [*(copy.name for copy in copied), *(entry.name for entry in kept)])
    elif arguments.clean:
        clean(root, place, arguments.clean)
    else:
        if either or arguments.dir:
            print(table(root, copied))
        if either or arguments.features:
            print(features_table(place, kept))


def prepare(name: str | None, archive: str | None, root: Path) -> None:
    """Prepares a published data set, and says where it lies.

    Raises:
      UserError: jaxhash cannot prepare it, or it cannot be fetched, read or written.
    """
    if name is None:
        raise UserError("--archive=PATH goes with the name of its data set: cifar10")
    dataset = datasets.describe(name)
    if dataset.prepare is None:
        raise UserError(
            f"{name}: not a data set that is prepared by itself, which cifar10 is; a run prepares "
            "the others when it needs them"
        )
    folder = dataset.prepare(root, Path(archive).expanduser() if archive else None)
    print(f"{name} is in {folder}; give --config.data.dir={root}")


def table(root: Path, found: list[Copy]) -> str:
    """Lists copies, a line each."""
    if not found:
        return f"no copies under {root / copies.OURS}"
    rows = [("name", "images", "size", "age", "made from")]
    total = _size(sum(copy.size for copy in found))
    last = f"{len(found):,} under {root / copies.OURS}, {total} in all"
    return "\n".join([*_columns(rows + [_row(copy) for copy in found]), last])


def features_table(place: Path, found: list[cache.Entry]) -> str:
    """Lists what frozen trunks have computed, a line each."""
    if not found:
        return f"no features under {place}"
    rows = [("name", "rows", "size", "age", "features of")]
    for entry in found:
        count = "?" if entry.rows is None else f"{entry.rows:,}"
        age = _age(time.time() - entry.made)
        rows.append((entry.name, count, _size(entry.size), age, printable(entry.title)))
    total = _size(sum(entry.size for entry in found))
    return "\n".join([*_columns(rows), f"{len(found):,} under {place}, {total} in all"])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def clean(root: Path, place: Path, names: list[str]) -> None:
    """Deletes copies and features, and says what that frees; goes on after one that cannot be.

    Raises:
      UserError: one could not be deleted; the message names all of them.
    """
    refused = []
    for name in dict.fromkeys(names):
        try:
            of_features = any(entry.name == name for entry in cache.found(place))
            size = cache.clean(place, name) if of_features else copies.clean(root, name)
            print(f"{name}: deleted, {_size(size)} freed")
        except UserError as error:
            refused.append(str(error))
    if refused:
        raise UserError("; ".join(refused))
    if not names:
        print(f"no copies under {root / copies.OURS}, no features under {place}")


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
