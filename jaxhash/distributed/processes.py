"""Processes that share a run: how they come together, agree and wait for one another."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxhash import errors
from jaxhash.errors import UserError
from jaxhash.witness import Witness

LONGEST_FINISH = 24 * 3600  # seconds that all wait at the end while the primary process measures
AGAIN = "start all of them again with the same command: the run goes on from its last checkpoint"


class Job(NamedTuple):
    """Which process this is among those that share a run.

    coordinator: HOST:PORT where process 0 listens; "auto" where jax can ask a cluster for all of
      this; None for a process by itself.
    process, processes: its number from 0, and how many there are; None with "auto".
    gathering: seconds until all must have come together.
    lost_after: seconds without a sign of life, after which a process counts as dead.
    """

    coordinator: str | None = None
    process: int | None = None
    processes: int | None = None
    gathering: int = 60
    lost_after: int = 20

    def check(self) -> None:
        """Raises UserError where no processes could come together like this."""
        given = [number for number in (self.process, self.processes) if number is not None]
        if self.coordinator in (None, "auto"):
            if given:
                raise UserError(
                    "--process_id and --num_processes go with --coordinator=HOST:PORT, the address "
                    "of process 0"
                )
            return
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise UserError(f"--coordinator={self.coordinator}: expected HOST:PORT, or auto")
        if len(given) < 2:
            raise UserError("--coordinator=HOST:PORT needs --process_id and --num_processes")
        if not 0 <= self.process < self.processes:
            raise UserError(
                f"--process_id={self.process}: expected 0 to {self.processes - 1}, for "
                f"--num_processes={self.processes}"
            )


@contextlib.contextmanager
def joined(job: Job) -> Iterator[None]:
    """Makes this process one of those that share a run, for as long as the block lasts.

    Of the others' output only errors are shown, not what they print. Should a process die, all end
    within `job.lost_after` seconds, and each says so. Where the block fails this process ends at
    once, without the manners that would leave the others waiting for it.

    Raises:
      UserError: the numbers make no sense, or nobody answers.
    """
    if job.coordinator is None:
        job.check()
        yield
        return
    job.check()
    witness = Witness()
    try:
        with contextlib.ExitStack() as stack:
            _initialize(job, witness)
            me = f"process {jax.process_index()} of {jax.process_count()}"
            witness.tell(f"jaxhash: {me} was ended, by a signal or as another one died; {AGAIN}")
            if jax.process_index():
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
            yield
        jax.distributed.shutdown()
        witness.dismiss()
    except BaseException as error:
        witness.dismiss()
        if not jax.distributed.is_initialized():
            raise
        if isinstance(error, jax.errors.JaxRuntimeError):
            reason = str(error).partition("\n")[0]
            error = UserError(f"the devices failed, or another process died ({reason}); {AGAIN}")
        code = errors.report(error, me)
        sys.stdout.flush()
        os._exit(code)


def _initialize(job: Job, witness: Witness) -> None:
    """Calls jax.distributed, which ends the process where not all come together."""
    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM from `stopping`
    times = {
        "initialization_timeout": job.gathering,
        "heartbeat_timeout_seconds": job.lost_after,
        "shutdown_timeout_seconds": LONGEST_FINISH,
    }
    late = f"within --coordinator_timeout={job.gathering} seconds"
    if job.coordinator == "auto":
        witness.tell(f"jaxhash: not all processes of the job came together {late}")
        try:
            jax.distributed.initialize(**times)
        except ValueError as error:
            raise UserError(
                "--coordinator=auto: found no SLURM or Open MPI job, TPU pod or GKE here; give "
                "--coordinator=HOST:PORT, --process_id and --num_processes"
            ) from error
        return
    if job.process:
        _wait_for(job.coordinator, job.gathering)
    else:
        _check_free(job.coordinator)
    witness.tell(
        f"jaxhash: not all of {job.processes} processes came together at {job.coordinator} {late}; "
        "start each with its own --process_id"
    )
    jax.distributed.initialize(job.coordinator, job.processes, job.process, **times)


def _check_free(coordinator: str) -> None:
    """Tries to listen, because where jax cannot it crashes."""
    port = int(coordinator.rpartition(":")[2])
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise UserError(
            f"--coordinator={coordinator}: cannot listen there ({os.strerror(error.errno)}); "
            "choose another port, the same for all processes"
        ) from error


def _wait_for(coordinator: str, timeout: float) -> None:
    """Waits until somebody listens at HOST:PORT, because jax would not say who does not."""
    host, _, port = coordinator.rpartition(":")
    end = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
            return
        except OSError as error:
            reason = error
        if time.monotonic() > end:
            raise UserError(
                f"--coordinator={coordinator}: no answer within --coordinator_timeout={timeout} "
                f"seconds ({reason.strerror or reason}); start process 0 there, or correct it"
            )
        time.sleep(0.2)


def agree(tree: Any) -> Any:
    """Gives every process the numbers of process 0, to the bit: arrays of equal shapes, or scalars.

    >>> agree({"resumes": True})
    {'resumes': array(True)}
    """
    if jax.process_count() == 1:  # a whole state is not copied for nobody
        return jax.tree.map(np.asarray, tree)
    leaves, structure = jax.tree.flatten(tree)
    leaves = [np.asarray(leaf) for leaf in leaves]
    # As one row of bytes, because each shape would be compiled by itself.
    sent = np.frombuffer(b"".join(leaf.tobytes() for leaf in leaves), np.uint8)
    ends = np.cumsum([leaf.nbytes for leaf in leaves])
    parts = np.split(np.asarray(multihost_utils.broadcast_one_to_all(sent)), ends[:-1])
    return structure.unflatten(
        np.frombuffer(part.tobytes(), leaf.dtype).reshape(leaf.shape)
        for part, leaf in zip(parts, leaves, strict=True)
    )


def largest(number: int) -> int:
    """Gives every process the largest of their numbers.

    >>> largest(15)
    15
    """
    return int(multihost_utils.process_allgather(np.int32(number)).max())


def meet() -> None:
    """Waits until every process has come here."""
    largest(0)


@contextlib.contextmanager
def primary_first() -> Iterator[None]:
    """Lets process 0 through the block before all others, for what it prepares for them."""
    if jax.process_index():
        meet()
    yield
    if not jax.process_index():
        meet()
