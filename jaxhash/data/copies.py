"""Prepared copies of data sets: which there are, which are of one source, which may be deleted.

A copy lies in `ROOT/jaxhash/NAME/VERSION`. One that is made from files has a digest of these in its
name, and is made again when they change; it then replaces the copy of the same source, unless
another process still reads that one.
"""

import contextlib
import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from jaxhash.data import left_out, locks, tfds_builder
from jaxhash.data.contents import Contents
from jaxhash.errors import UserError

OURS = "jaxhash"  # the folder, and TFDS's name of all our data sets
INFO = "dataset_info.json"  # TFDS writes it last; processes lock it
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
UNFINISHED = "incomplete."  # how TFDS names what it has not finished
FILES = re.compile(
    rf"{INFO}|features\.json|.*\.labels\.txt|{OURS}-.*\.array_record.*|"
    rf"{left_out.LIST}|{tfds_builder.RECORD}"
)


class Copy(NamedTuple):
    """A prepared copy, or what is left of one that was not finished.

    name: of its folder. folder: path of the newest version, None where none is whole. images: how
    many it holds, None where that cannot be read. size: bytes of all files. made: when, in seconds
    since 1970. source: the folder or table that it was made from; empty where none is known.
    """

    name: str
    folder: Path | None
    images: int | None
    size: int
    made: float
    source: str


def newest(folder: Path) -> Path | None:
    """Returns the newest version of a prepared data set, or None where none is whole.

    Versions are compared as numbers: 10.0.0 is newer than 9.0.0.
    """
    found = [
        (tuple(map(int, version.groups())), path.parent)
        for path in folder.glob(f"*/{INFO}")
        if (version := VERSION.fullmatch(path.parent.name))
    ]
    return max(found)[1] if found else None


def hold(folder: Path) -> locks.Held | None:
    """Keeps a copy from being deleted until what is returned is deleted.

    Returns:
      a lock; None where the copy is just being deleted.

    Raises:
      UserError: the copy cannot be read.
    """
    try:
        return locks.shared(folder / INFO)
    except OSError as error:
        raise UserError(f"{folder / INFO}: cannot be read ({error.strerror})") from None


def prepare(contents: Contents, name: str, config: str, root: Path, setting: str) -> Path:
    """Makes a copy, if no other process has just made it, and returns its folder.

    Args:
      contents: of the data set.
      name: of the data set.
      config: of the copy.
      root: where copies lie.
      setting: names another place for them, for messages.

    Raises:
      UserError: it cannot be written, or too many images cannot be read.
    """
    lock = root / OURS / f".{config}.lock"

    def waiting() -> None:
        print(f"{name}: waiting for another process that prepares it ({lock})", flush=True)

    with contextlib.ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            locked = stack.enter_context(locks.exclusive(lock, waiting))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise tfds_builder.unwritable(root, reason, name, setting) from None
        folder = root / OURS / config
        if newest(folder) is None:
            if locked:  # so it was left by a process that was killed
                _delete_unfinished(folder)
                _delete_without_index(folder)
            try:
                tfds_builder.write(contents, name, config, root, setting)
            except UserError:
                if newest(folder) is None:  # else another process has made it, without locks
                    raise
        prepared = newest(folder)
    if prepared is None:
        raise UserError(f"{folder}: deleted by another process; start again")
    return prepared


def delete_others(config: str, name: str, source: str, root: Path) -> None:
    """Deletes copies of the same source but the one named `config`, if nobody reads them."""
    for path in (root / OURS).glob(f"{name}_*"):
        if path.name == config or path.is_symlink():
            continue
        folder = newest(path)
        if folder and _record(folder) == {"set": name, "source": source}:
            with contextlib.suppress(locks.InUse, OSError):
                _delete(folder, asked=False)


def found(root: Path) -> list[Copy]:
    """Lists all copies under a folder of data sets, by name; see `clean`."""
    paths = sorted(path for path in (root / OURS).glob("*") if path.is_dir())
    return [_describe(path) for path in paths if _is_ours(path)]


def clean(root: Path, name: str) -> int:
    """Deletes a copy, whatever it was made from, and returns how many bytes that frees.

    Raises:
      UserError: there is no such copy, another process reads or makes it, or it holds what jaxhash
        did not write.
    """
    path = root / OURS / name
    if "/" in name or name.startswith(".") or not path.is_dir() or not _is_ours(path):
        raise UserError(
            f"{name}: not a copy that jaxhash has made under {root / OURS}; "
            "python -m jaxhash.data lists those"
        )
    size = _describe(path).size
    try:
        with locks.exclusive(root / OURS / f".{name}.lock"):
            for folder in path.iterdir():
                if (folder / INFO).is_file():
                    _delete(folder, asked=True)
            _delete_unfinished(path)
            _delete_without_index(path)
    except locks.InUse:
        raise UserError(f"{name}: another process uses it; end that one first") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted ({error.strerror})") from None
    return size


def _delete(folder: Path, *, asked: bool) -> None:
    """Deletes a version of a copy.

    Raises:
      InUse: another process reads it or, where nobody has `asked` for it to be deleted, the file
        system has no locks to tell.
    """
    with locks.unread(folder / INFO) as sure:
        if not (sure or asked):
            raise locks.InUse
        # Renamed first, so that what a kill leaves does not count as whole.
        away = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.parent))
        folder.rename(away / folder.name)
        shutil.rmtree(away)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()  # where no other version is left


def _delete_unfinished(path: Path) -> None:
    for folder in path.glob(f"{UNFINISHED}*"):
        shutil.rmtree(folder)


def _delete_without_index(path: Path) -> None:
    """Deletes what is left of versions that are damaged, and the folder where nothing remains."""
    if path.is_dir() and _is_ours(path):
        for folder in path.iterdir():
            if not (folder / INFO).exists():
                shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            path.rmdir()


def _record(folder: Path) -> dict | None:
    """Returns the record of what a copy was made from; None where it has none that can be read."""
    try:
        return json.loads((folder / tfds_builder.RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_ours(path: Path) -> bool:
    """Says whether a folder holds nothing but versions that jaxhash has written."""
    try:
        return not path.is_symlink() and all(map(_is_our_version, path.iterdir()))
    except OSError:  # not listed, so not known
        return False


def _is_our_version(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        return False
    if path.name.startswith(UNFINISHED):
        return True
    whole = VERSION.fullmatch(path.name)
    return bool(whole) and all(FILES.fullmatch(file.name) for file in path.iterdir())


def _describe(path: Path) -> Copy:
    folder = newest(path)
    size, made = 0, time.time()
    with contextlib.suppress(OSError):  # it is just being deleted
        made = (folder or path).stat().st_mtime
        size = sum(file.lstat().st_size for file in path.rglob("*"))
    record = (_record(folder) if folder else None) or {}
    images = None
    if folder:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            info = json.loads((folder / INFO).read_text(encoding="utf-8"))
            images = sum(int(n) for split in info["splits"] for n in split["shardLengths"])
    return Copy(path.name, folder, images, size, made, str(record.get("source", "")))
