"""The images that a prepared copy leaves out: the list beside it, and the line that sums it up."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jaxhash.errors import printable

LIST = "skipped.txt"  # "id<tab>reason" of each image
SHOWN = 3  # reasons that a line names


def write(folder: Path, images: Sequence[tuple[str, str]]) -> None:
    """Writes the list, (id, reason) of each image, into the folder of a copy."""
    lines = "".join(f"{printable(id)}\t{reason}\n" for id, reason in images)
    (folder / LIST).write_text(lines, encoding="utf-8")


def lines(name: str, folder: Path) -> list[str]:
    """Says how many images a copy leaves out, why, and where the list is.

    Args:
      name: of the data set.
      folder: of its copy.

    Returns:
      one line, or none where nothing is left out.
    """
    path = folder / LIST
    if not path.exists():
        return []
    # Not str.splitlines, which splits at characters that may be in a line of the list.
    reasons = [line.rpartition("\t")[2] for line in path.read_text(encoding="utf-8").split("\n")]
    return [f"{name}: {summary(list(filter(None, reasons)))}, listed in {path}"]


def summary(reasons: Sequence[str]) -> str:
    """Counts images that are left out by reason.

    >>> summary(["the picture is damaged (cut)", "No such file", "the picture is damaged (crc)"])
    '3 files are left out (2: the picture is damaged; 1: No such file)'
    """
    # Details are in brackets or after a colon.
    counts = Counter(reason.partition(" (")[0].partition(":")[0] for reason in reasons)
    most = counts.most_common(SHOWN)
    said = [f"{count:,}: {reason}" for reason, count in most]
    others = len(reasons) - sum(count for _, count in most)
    if others:
        said.append(f"{others:,}: other reasons")
    files = "1 file is" if len(reasons) == 1 else f"{len(reasons):,} files are"
    return f"{files} left out ({'; '.join(said)})"
