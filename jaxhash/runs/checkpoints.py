"""Checkpoints through orbax: written under another name and renamed, so that a kill loses none."""

from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from jaxhash.errors import UserError, first_line
from jaxhash.runs import workdir as workdirs


class Checkpoints:
    """The checkpoints of one run, in `<workdir>/checkpoints/<step>`.

    Processes that share a run all make the same calls; orbax writes from one of them, and the
    others wait for it.
    """

    def __init__(self, workdir: epath.Path, keep: int = 3):
        """Opens the folder; only the newest `keep` checkpoints are kept."""
        folder = workdir if workdirs.remote(workdir) else workdir.absolute()
        self._folder = folder / workdirs.CHECKPOINTS
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True)
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_) -> None:
        self._manager.close()

    def latest(self) -> int | None:
        """Returns the step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Saves a tree of host arrays in the background, unless that step is saved already.

        The position in the data is the step: `jaxhash.data.sampler` derives every batch from it.
        """
        if step != self.latest():
            self._manager.save(step, args=ocp.args.StandardSave(state))

    def restore(self, template: Any) -> Any:
        """Reads the newest checkpoint, of which there must be one, by the shapes of `template`.

        Raises:
          UserError: its shapes are others, or it is damaged.
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
          UserError: it is damaged.
        """
        step = self.latest()
        try:
            return self._manager.restore(step, args=ocp.args.StandardRestore())
        except Exception as error:
            raise UserError(
                f"{self._folder / str(step)}: damaged ({type(error).__name__}); delete that folder "
                "to go back to the checkpoint before"
            ) from error

    def wait(self) -> None:
        """Blocks until all saves are on disk."""
        self._manager.wait_until_finished()
