"""The folder of a run: identified by its config, locked while in use, written atomically.

It may be in object storage, as gs://bucket/folder or s3://bucket/folder. There are no locks there,
so that nothing stops two runs in one folder; files are always written whole.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Container, Iterator

from etils import epath
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.errors import UserError, first_line
from jaxhash.runs import disk

CONFIG = "config.json"
RESULTS = "results.json"
LOG = "log.txt"  # output of a run of a grid; exists before the run itself
LOCK = ".lock"


def remote(workdir: epath.PathLike) -> bool:
    """Tells whether a path is in object storage.

    >>> remote(epath.Path("gs://bucket/run")), remote(epath.Path("runs/a"))
    (True, False)
    """
    return "://" in os.fspath(workdir)


def has_checkpoint(workdir: epath.Path) -> bool:
    """Tells whether a run has a complete checkpoint; see `disk.checkpoints`."""
    return bool(disk.checkpoints(workdir))


def check(workdir: epath.Path, config: ConfigDict, free: Container[str] = ()) -> None:
    """Raises UserError where a run cannot use `workdir`; changes nothing.

    That is where the folder cannot be written, or holds a run with another config.

    Args:
      workdir: of the run.
      config: of the run.
      free: names of values that may differ too.
    """
    check_name(workdir)
    if remote(workdir):
        _check_reach(workdir)
    else:
        _check_writable(workdir)
    if (workdir / CONFIG).exists():
        saved = configs.from_json(workdir / CONFIG)
        different = [
            line for line in configs.differences(saved, config) if line.split(" ")[0] not in free
        ]
        if different:
            raise UserError(
                f"workdir {workdir} holds a run with another config: {'; '.join(different)}; "
                f"give another --workdir{_drawn_as_before(saved, different)}"
            )
    elif workdir.exists() and any(path.name not in (LOCK, LOG) for path in workdir.iterdir()):
        raise UserError(f"workdir {workdir} is not empty and holds no run; give another --workdir")


def check_name(workdir: epath.PathLike) -> None:
    r"""Raises UserError for a path that checkpoints cannot have.

    Orbax takes it as a pattern in one place: below `a[1]` or `a\b` it would write no weights.

    >>> check_name("a[1]")
    Traceback (most recent call last):
    jaxhash.errors.UserError: workdir 'a[1]': expected a path of UTF-8 without * ? [ \; rename it
    """
    path = os.fspath(workdir) if remote(workdir) else os.path.abspath(workdir)
    try:
        path.encode()
        good = not set(path) & set("*?[\\")
    except UnicodeEncodeError:
        good = False
    if not good:
        name = ascii(os.fspath(workdir))
        raise UserError(f"workdir {name}: expected a path of UTF-8 without * ? [ \\; rename it")


def _drawn_as_before(saved: ConfigDict, different: list[str]) -> str:
    """Says how a run of version 0.1, whose seed drew its splits, is continued."""
    keys = ("data.protocol", "data.split_seed")
    if not all(line.startswith(keys) for line in different):
        return ""
    values = {key: configs.flatten(saved)[key] for key in keys}
    settings = " ".join(f"--config.{key}={value}" for key, value in values.items())
    return f", or go on with its own splits by {settings}"


def _check_reach(workdir: epath.Path) -> None:
    try:
        workdir.exists()
    except ImportError as error:
        raise UserError(
            f"workdir {workdir}: {error}; pip install 'jaxhash[gcs]' for gs://, 'jaxhash[s3]' for "
            "s3://"
        ) from error
    except Exception as error:
        raise UserError(f"workdir {workdir}: cannot be reached ({first_line(error)})") from error


def _check_writable(workdir: epath.Path) -> None:
    existing = workdir
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"workdir {workdir}: {existing} cannot be written; allow it, or give another --workdir "
            "(to go on with a run, a copy of its folder)"
        )


@contextlib.contextmanager
def claimed(
    workdir: epath.Path,
    config: ConfigDict,
    primary: bool = True,
    meet: Callable[[], None] = lambda: None,
    free: Container[str] = (),
) -> Iterator[None]:
    """Makes the folder, and locks it for the duration of the block.

    The operating system releases a lock when its process dies, so a killed run leaves none.

    Args:
      workdir: of the run.
      config: written to it, unless it has one.
      primary: whether this is the process that writes, of those that share the run.
      meet: a barrier: waits until all of them have called it.
      free: see `check`.

    Raises:
      UserError: another run is using the folder, or has been there; or it is not the folder that
        the primary process sees.
    """
    with contextlib.ExitStack() as stack:
        if primary:
            with disk.writing(workdir, workdir):
                workdir.mkdir(parents=True, exist_ok=True)
            if not remote(workdir):
                stack.enter_context(_locked(workdir))
            check(workdir, config, free)  # again: another run may have used the folder since
            if not (workdir / CONFIG).exists():
                with disk.writing(workdir, workdir / CONFIG):
                    write(workdir / CONFIG, configs.to_json(config))
        meet()
        if not (workdir / CONFIG).exists():
            raise UserError(
                f"workdir {workdir}: not the folder that process 0 sees under this name; give a "
                "--workdir on a disk that all processes share"
            )
        yield


@contextlib.contextmanager
def _locked(workdir: epath.Path) -> Iterator[None]:
    with disk.writing(workdir, workdir / LOCK):
        file = open(workdir / LOCK, "a+", encoding="utf-8")  # noqa: SIM115
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"workdir {workdir} is in use by {file.read() or 'another process'}; wait for its "
                "end, or give another --workdir"
            ) from None
        except OSError:
            pass  # some network disks have no locks, as object storage has none
        with disk.writing(workdir, workdir / LOCK):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


def write(path: epath.Path, content: str | bytes) -> None:
    """Writes a file whole or not at all, even if the process is killed; text as UTF-8.

    Nothing takes the place of what is no file: a device is written to, and a folder refused.
    """
    data = content.encode() if isinstance(content, str) else content
    if remote(path) or (path.exists() and not path.is_file()):
        path.write_bytes(data)
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
