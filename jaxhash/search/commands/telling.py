"""What `index` found and did, in lines for people, and in lists beside the index."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from jaxhash.data.images.folders import SYSTEM
from jaxhash.errors import UserError, printable
from jaxhash.runs import workdir as workdirs
from jaxhash.search.collection import catalog
from jaxhash.search.collection.collect import Report
from jaxhash.search.collection.origin import Origin

NAMED = 3  # names that are printed of a long list


class Listed:
    """A file beside the index with a line for each of some things, written anew by a command."""

    def __init__(self, path: Path):
        """Names the file."""
        self.path, self._lines = path, list[str]()

    def add(self, lines: Iterable[str]) -> None:
        """Adds lines.

        Raises:
          UserError: the file cannot be written.
        """
        # A tab stands between the columns.
        self._lines += ["\t".join(map(printable, line.split("\t"))) + "\n" for line in lines]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            workdirs.write(self.path, "".join(self._lines))
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); allow it"
            ) from None


def left_out(origin: Origin, name: str, others: Listed) -> None:
    """Prints how many files are no pictures, by suffix, and what else was left out."""
    others.add(catalog.key(name, file) for file in [*origin.others, *origin.system])
    listed = f", listed in {others.path}"
    if origin.others:
        kinds = Counter(PurePath(name).suffix.lower() or "no suffix" for name in origin.others)
        print(f"{len(origin.others):,} other files, no pictures: {_counted(kinds)}{listed}")
    if origin.system:
        kinds = Counter(_system(name) for name in origin.system)
        print(f"{len(origin.system):,} files in folders of the system: {_counted(kinds)}{listed}")
    if origin.excluded:
        print(f"{len(origin.excluded):,} images left out by --exclude")
    for name, reason in origin.unlisted:
        print(f"{printable(name)}: cannot be listed ({reason}); what the index holds of it is kept")


def _system(name: str) -> str:
    return next(part for part in name.split("/") if part.casefold() in SYSTEM)


def done(report: Report, seconds: float, name: str, damaged: Listed) -> None:
    """Prints how many images were encoded, skipped, gone, and deleted."""
    rate = f" ({report.encoded / seconds:.1f} a second)" if report.encoded else ""
    print(f"{report.encoded:,} new or changed, encoded in {seconds:.1f} s{rate}")
    print(f"{report.there:,} there already, {report.relabelled:,} with new metadata alone")
    damaged.add(f"{catalog.key(name, path)}\t{why}" for path, why in report.damaged)
    if report.damaged:
        first = [f"{printable(id)}: {why}" for id, why in report.damaged]
        print(f"{len(report.damaged):,} skipped, listed in {damaged.path}: {_first(first, '; ')}")
    if report.gone:
        print(
            f"{len(report.gone):,} gone from the collection, {_done(report)}: {_names(report.gone)}"
        )
    if report.empty:
        print(
            f"{len(report.empty):,} below folders that hold no file, which may be disks that are "
            f"not mounted; kept, --prune=all deletes: {_names(report.empty)}"
        )


def _done(report: Report) -> str:
    if report.pruned:
        return "deleted from the index"
    if report.many_gone:
        share = len(report.gone) / report.stored
        return f"{share:.0%} of it, so still in the index; --prune=all deletes"
    return "still in the index; --prune deletes"


def _counted(kinds: Counter) -> str:
    return _first([f"{kind} {count:,}" for kind, count in kinds.most_common()], ", ")


def _names(paths: Sequence[str]) -> str:
    return _first([printable(path) for path in paths], ", ")


def _first(texts: Sequence[str], between: str) -> str:
    return between.join(texts[:NAMED]) + (f"{between}..." if len(texts) > NAMED else "")
