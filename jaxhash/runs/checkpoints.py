"""Checkpoints through orbax: written under another name and renamed, so that a kill loses none."""

import contextlib
import logging
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from jaxhash.errors import UserError, first_line
from jaxhash.runs import disk
from jaxhash.runs import workdir as workdirs


class Checkpoints:
    """The checkpoints of one run, in `<workdir>/checkpoints/<step>`.

    Processes that share a run all make the same calls; orbax writes from one of them, and the
    others wait for it.
    """

    def __init__(self, workdir: epath.Path, keep: int = 3):
        """Opens the folder; only the newest `keep` checkpoints are kept.

        Raises:
          UserError: it cannot be made.
        """
        workdirs.check_name(workdir)
        self._workdir = workdir if workdirs.remote(workdir) else workdir.absolute()
        self._folder = self._workdir / disk.CHECKPOINTS
        self._saving: int | None = None  # the step that is being saved in the background
        self._undo = _said_once()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=True,
            # Otherwise threads of orbax wait ten minutes for folders that could not be made.
            async_options=ocp.AsyncOptions(create_directories_asynchronously=False),
        )
        with self._reported(self._folder):
            self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        try:
            with self._reported(self._folder):
                self._manager.close()
        except UserError:
            if kind is None:  # otherwise it is a consequence of what was raised before
                raise
        finally:
            self._undo.close()

    def latest(self) -> int | None:
        """Returns the step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Saves a tree of host arrays in the background, unless that step is saved already.

        The position in the data is the step: `jaxhash.data.sampler` derives every batch from it.

        Raises:
          UserError: this or the save before cannot be written.
        """
        self.wait()
        if step != self.latest():
            self._saving = step
            with self._reported(self._folder / str(step)):
                self._manager.save(step, args=ocp.args.StandardSave(state))

    def check(self) -> None:
        """Raises UserError where a save in the background has failed; does not wait for one."""
        if self._saving is not None and not self._manager.is_saving_in_progress():
            self.wait()

    def wait(self) -> None:
        """Blocks until all saves are on disk; raises UserError where one cannot be written."""
        with self._reported(self._folder / str(self._saving)):
            self._manager.wait_until_finished()
        self._saving = None

    def restore(self, template: Any) -> Any:
        """Reads the newest checkpoint, of which there must be one, by the shapes of `template`.

        Raises:
          UserError: its shapes are others, it cannot be read, or it is damaged.
        """
        step = self.latest()
        where = self._folder / str(step)
        advice = (
            "use the config that it was trained with, or delete that folder to go back to the "
            "checkpoint before"
        )
        try:
            state = self._manager.restore(step, args=ocp.args.StandardRestore(template))
        except Exception as error:
            self._check_readable(where, error)
            raise UserError(
                f"{where}: does not fit this config, or is damaged ({first_line(error)}); {advice}"
            ) from error
        # Orbax returns what it finds, whatever the shapes of the template.
        pairs = zip(
            jax.tree.leaves(template), jax.tree_util.tree_leaves_with_path(state), strict=True
        )
        for expected, (path, found) in pairs:
            if expected.shape != found.shape:
                raise UserError(
                    f"{where}: does not fit this config ({jax.tree_util.keystr(path)} has shape "
                    f"{found.shape} there and {expected.shape} here); {advice}"
                )
        return state

    def read(self) -> dict:
        """Reads the newest checkpoint, of which there must be one, as a tree of arrays.

        Raises:
          UserError: it cannot be read, or is damaged.
        """
        step = self.latest()
        where = self._folder / str(step)
        try:
            return self._manager.restore(step, args=ocp.args.StandardRestore())
        except Exception as error:
            self._check_readable(where, error)
            raise UserError(
                f"{where}: damaged ({type(error).__name__}); delete that folder to go back to the "
                "checkpoint before"
            ) from error

    @contextlib.contextmanager
    def _reported(self, path: epath.Path) -> Iterator[None]:
        """Turns any error of writing into a UserError; orbax and TensorStore raise many kinds."""
        try:
            yield
        except Exception as error:
            self._saving = None
            self._undo.pop_all()  # TensorStore may still call back when this object is closed
            if not workdirs.remote(path):  # what is incomplete would fill the disk
                for unfinished in self._folder.glob(f"{path.name}.*"):
                    shutil.rmtree(unfinished, ignore_errors=True)
            raise disk.unwritable(self._workdir, path, error) from error

    def _check_readable(self, where: epath.Path, error: Exception) -> None:
        """Raises UserError where a checkpoint may be whole, and only cannot be read."""
        found = error if disk.number(error) or isinstance(error, MemoryError) else None
        if not workdirs.remote(where):
            found = disk.unreadable(where) or found
        if found:
            path = getattr(found, "filename", None) or where
            raise UserError(
                f"{path}: cannot be read ({disk.reason(found)}); the checkpoint may be whole: keep "
                "it, and start again when it can be read"
            ) from error


def _said_once() -> contextlib.ExitStack:
    """Leaves a failed save to the exception alone, which orbax raises in the end.

    Before that it logs the same with a traceback from each of its threads; and TensorStore calls
    back, once for each array, into the event loop of a thread that has ended.

    Returns:
      a stack whose `close` undoes it.
    """
    log, before = logging.getLogger("absl"), sys.unraisablehook

    def keep(record: logging.LogRecord) -> bool:
        return record.levelno != logging.ERROR or "orbax" not in record.pathname

    def hook(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            before(unraisable)

    log.addFilter(keep)
    sys.unraisablehook = hook
    undo = contextlib.ExitStack()
    undo.callback(log.removeFilter, keep)
    undo.callback(setattr, sys, "unraisablehook", before)
    return undo
