"""The folder of a run: identified by its config, locked while in use, written atomically.

It may be in object storage, as gs://bucket/folder or s3://bucket/folder. There are no locks there,
so that nothing stops two runs in one folder; files are always written whole.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable, Iterator

from etils import epath
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.errors import UserError, first_line

CONFIG = "config.json"
RESULTS = "results.json"
CHECKPOINTS = "checkpoints"
LOG = "log.txt"  # output of a run of a grid; exists before the run itself
LOCK = ".lock"


def remote(workdir: epath.PathLike) -> bool:
    """Tells whether a path is in object storage.

    >>> remote(epath.Path("gs://bucket/run")), remote(epath.Path("runs/a"))
    (True, False)
    """
    return "://" in os.fspath(workdir)


def has_checkpoint(workdir: epath.Path) -> bool:
    """Tells whether a run has a complete checkpoint; makes no folder."""
    # Orbax writes to a folder of another name, and renames it when it is complete.
    return any(path.name.isdigit() for path in (workdir / CHECKPOINTS).glob("*"))


def check(workdir: epath.Path, config: ConfigDict) -> None:
    """Raises UserError where a run cannot use `workdir`; changes nothing.

    That is where the folder cannot be written, or holds a run with another config.
    """
    if remote(workdir):
        _check_reach(workdir)
    else:
        _check_writable(workdir)
    if (workdir / CONFIG).exists():
        different = configs.differences(configs.from_json(workdir / CONFIG), config)
        if different:
            raise UserError(
                f"workdir {workdir} holds a run with another config: {'; '.join(different)}; "
                "give another --workdir"
            )
    elif workdir.exists() and any(path.name not in (LOCK, LOG) for path in workdir.iterdir()):
        raise UserError(f"workdir {workdir} is not empty and holds no run; give another --workdir")


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
        raise UserError(f"workdir {workdir}: {existing} cannot be written; give another --workdir")


@contextlib.contextmanager
def claimed(
    workdir: epath.Path,
    config: ConfigDict,
    primary: bool = True,
    meet: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Makes the folder, and locks it for the duration of the block.

    The operating system releases a lock when its process dies, so a killed run leaves none.

    Args:
      workdir: of the run.
      config: written to it, unless it has one.
      primary: whether this is the process that writes, of those that share the run.
      meet: a barrier: waits until all of them have called it.

    Raises:
      UserError: another run is using the folder, or has been there; or it is not the folder that
        the primary process sees.
    """
    with contextlib.ExitStack() as stack:
        if primary:
            workdir.mkdir(parents=True, exist_ok=True)
            if not remote(workdir):
                stack.enter_context(_locked(workdir))
            check(workdir, config)  # again: another run may have used the folder since
            if not (workdir / CONFIG).exists():
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
    with open(workdir / LOCK, "a+", encoding="utf-8") as file:
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
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def write(path: epath.Path, text: str) -> None:
    """Writes a file whole or not at all, even if the process is killed."""
    if remote(path):
        path.write_text(text, encoding="utf-8")
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
