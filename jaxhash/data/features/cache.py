"""The cache of features: entries that are filled once, checked when they are opened, and deleted.

An entry is a folder `ROOT/NAME-DIGEST` with `values.float16`, the rows one after another, and
`about.json`, which is written last: what the rows are, and a checksum of each thousand. The digest
is that of the key: all that the values depend on. While an entry is filled, the rows lie in
`unfinished.float16`; after a kill the next process goes on from there.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxhash.data import locks
from jaxhash.data.progress import Progress
from jaxhash.distributed import processes
from jaxhash.errors import UserError, first_line

VALUES, UNFINISHED, ABOUT = "values.float16", "unfinished.float16", "about.json"
NAME = re.compile(r".+-[0-9a-f]{12}")
FORMAT = 1
ROWS = 1_000  # of a checksum
POLL = 1.0  # seconds between two looks at whether another run has ended
ELSEWHERE = "give another folder with --config.data.features=PATH"


class Stopped(Exception):
    """The user wants the run to end; what is computed is kept."""


class Entry(NamedTuple):
    """An entry, or what is left of one that was not finished.

    name: of its folder. rows: how many it holds, None where it is not whole. size: bytes of its
    files. made: when, in seconds since 1970. title: what it holds, for people.
    """

    name: str
    rows: int | None
    size: int
    made: float
    title: str


def root(folder: str | None = None) -> Path:
    """Returns where entries lie: a folder, or $JAXHASH_FEATURES, or ~/.cache/jaxhash/features."""
    default = os.environ.get("JAXHASH_FEATURES") or "~/.cache/jaxhash/features"
    return Path(folder or default).expanduser()


def obtain(
    place: Path,
    title: str,
    key: Mapping[str, Any],
    shape: tuple[int, ...],
    compute: Callable[[int, int], np.ndarray],
    at_once: int = ROWS,
    stopped: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Returns the rows of an entry, which is filled where it is not there, or damaged.

    Of several processes that share a run, all call this, and process 0 writes; `place` must be on
    a disk that all of them share. Of several runs that want the same entry, one fills it, and the
    others wait.

    Args:
      place: folder of all entries.
      title: what it holds, such as "cifar10, efficientnet_lite0 to block8".
      key: all that the values depend on, as JSON can hold it.
      shape: of the whole, [n ...].
      compute: (start, stop) -> float16 [stop - start, ...]; the same on every process.
      at_once: rows that are computed between two writes.
      stopped: asked before each of these, and while another run fills the entry, by all processes
        at once: whether the user wants the run to end.

    Returns:
      float16 [n ...], mapped from the file, not to be written.

    Raises:
      Stopped: the user does.
      UserError: the folder cannot be written or read.
    """
    text = json.dumps({"format": FORMAT, "shape": shape, **key}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = place / f"{title.split(',')[0]}-{digest}"
    primary = processes.is_primary()
    whole = bool(processes.agree(np.array(primary and _is_whole(folder, shape))))
    if not whole:
        with _claimed(place, folder, primary, stopped):
            # Another run may have filled it.
            whole = primary and _is_whole(folder, shape, quiet=True)
            if not processes.agree(np.array(whole)):
                with _written(folder):
                    _fill(folder, title, shape, compute, at_once, stopped)
    processes.meet()
    try:
        return np.memmap(folder / VALUES, np.float16, "r", shape=shape)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / VALUES}: cannot be read ({_reason(error)}); {ELSEWHERE}"
        ) from None


def _fill(
    folder: Path,
    title: str,
    shape: tuple[int, ...],
    compute: Callable[[int, int], np.ndarray],
    at_once: int,
    stopped: Callable[[], bool],
) -> None:
    """Computes what is not there yet, and makes an entry of it."""
    path, row, primary = folder / UNFINISHED, 2 * math.prod(shape[1:]), processes.is_primary()
    done = path.stat().st_size // row // at_once * at_once if primary and path.exists() else 0
    done = int(processes.agree(np.array(min(done, shape[0]))))
    if primary:
        rest = f"; {done:,} are there" if done else ""
        print(f"{title}: computing {shape[0]:,} rows once{rest}", file=sys.stderr, flush=True)
    with (
        path.open("ab") if primary else contextlib.nullcontext() as file,
        Progress(title, done, shape[0], silent=not primary) as progress,
    ):
        if file:
            file.truncate(done * row)
        for start in range(done, shape[0], at_once):
            if stopped():
                raise Stopped
            values = compute(start, min(start + at_once, shape[0]))
            if file:
                file.write(np.ascontiguousarray(values, np.float16).tobytes())
                file.flush()
            progress.at(start + len(values))
        if file:
            os.fsync(file.fileno())
    if primary:
        about = {
            "format": FORMAT,
            "title": title,
            "shape": shape,
            "checksums": _checksums(path, row),
        }
        (folder / ABOUT).unlink(missing_ok=True)
        path.replace(folder / VALUES)
        unfinished = folder / f".{ABOUT}"
        unfinished.write_text(json.dumps(about), encoding="utf-8")
        unfinished.replace(folder / ABOUT)


def _is_whole(folder: Path, shape: tuple[int, ...], *, quiet: bool = False) -> bool:
    """Tells whether an entry can be used; one that is damaged is told, and will be made again."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        same = about["format"] == FORMAT and tuple(about["shape"]) == shape
        row = 2 * math.prod(shape[1:])
        good = same and _checksums(folder / VALUES, row) == about["checksums"]
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); {ELSEWHERE}") from None
    except (OSError, ValueError, KeyError, TypeError):
        good = False
    if not good and not quiet:
        print(f"{folder}: damaged; it is made again", file=sys.stderr)
    return good


def _checksums(path: Path, row: int) -> list[int]:
    """Computes a checksum of each `ROWS` rows of a file."""
    with path.open("rb") as file:
        return [zlib.crc32(part) for part in iter(lambda: file.read(ROWS * row), b"")]


@contextlib.contextmanager
def _claimed(
    place: Path, folder: Path, primary: bool, stopped: Callable[[], bool]
) -> Iterator[None]:
    """Makes the folder of an entry, and holds it for one run at a time."""
    told = False
    with contextlib.ExitStack() as lock:
        while not processes.agree(np.array(primary and _locked(place, folder, lock))):
            if stopped():
                raise Stopped
            if primary and not told:
                told = True
                message = f"{folder}: waiting for another run that fills it"
                print(message, file=sys.stderr, flush=True)
            time.sleep(POLL)
        yield


def _locked(place: Path, folder: Path, lock: contextlib.ExitStack) -> bool:
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.enter_context(locks.exclusive(place / f".{folder.name}.lock"))
        except locks.InUse:
            return False
    return True


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({_reason(error)}); free some space (python -m "
            f"jaxhash.data lists what is kept), allow writing, or {ELSEWHERE}; the same command "
            "goes on from what is whole"
        ) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or first_line(error)


def found(place: Path) -> list[Entry]:
    """Lists the entries under a folder, by name."""
    paths = sorted(path for path in place.glob("*") if _is_ours(path))
    return [_describe(path) for path in paths]


def clean(place: Path, name: str) -> int:
    """Deletes an entry, and returns how many bytes that frees.

    A run that has it open goes on: the operating system keeps the file until that run ends.

    Raises:
      UserError: there is no such entry, another run fills it, or it cannot be deleted.
    """
    path = place / name
    if "/" in name or not _is_ours(path):
        raise UserError(
            f"{name}: not kept by jaxhash under {place}; python -m jaxhash.data lists what is"
        )
    size = _describe(path).size
    try:
        with locks.exclusive(place / f".{name}.lock"):
            (path / ABOUT).unlink(
                missing_ok=True
            )  # first: a kill leaves nothing that counts as whole
            shutil.rmtree(path)
    except locks.InUse:
        raise UserError(f"{name}: another run fills it; end that one first") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted ({error.strerror})") from None
    return size


def _is_ours(path: Path) -> bool:
    """Says whether a folder has the name of an entry, and holds nothing but files of one."""
    if path.is_symlink() or not NAME.fullmatch(path.name):
        return False
    try:
        names = {file.name for file in path.iterdir()}
    except OSError:
        return False
    return names <= {VALUES, UNFINISHED, ABOUT, f".{ABOUT}"}


def _describe(path: Path) -> Entry:
    rows, title, size, made = None, "not finished", 0, time.time()
    with contextlib.suppress(OSError):
        size = sum(file.stat().st_size for file in path.iterdir())
        made = path.stat().st_mtime
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        rows, title = int(about["shape"][0]), str(about["title"])
    return Entry(path.name, rows, size, made, title)
