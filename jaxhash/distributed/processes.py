"""Several processes that share a run: joining, agreeing on values, barriers, leaving."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from jaxhash import errors
from jaxhash.errors import UserError

LONGEST_FINISH = 24 * 3600  # seconds that all wait at the end while the primary process measures
FAILED_TOGETHER = 10  # seconds that a process which failed waits for the others to fail as well
AGAIN = "start all of them again with the same command: the run continues from its last checkpoint"


class Job(NamedTuple):
    """Which process this is among those that share a run.

    coordinator: HOST:PORT where process 0 listens; "auto" where jax can ask a cluster for all of
      this; None for a run of one process.
    process, processes: its index from 0, and how many there are; None with "auto".
    gathering: seconds within which all must have connected.
    lost_after: seconds without a heartbeat, after which a process counts as dead.
    """

    coordinator: str | None = None
    process: int | None = None
    processes: int | None = None
    gathering: int = 60
    lost_after: int = 20

    def check(self) -> None:
        """Raises UserError for fields that contradict each other or are out of range."""
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
        process, processes = given
        if not 0 <= process < processes:
            raise UserError(
                f"--process_id={process}: expected 0 to {processes - 1}, for "
                f"--num_processes={processes}"
            )


@contextlib.contextmanager
def joined(job: Job) -> Iterator[None]:
    """Connects this process with the others that share a run, for as long as the block lasts.

    Only process 0 prints to stdout; errors of all go to stderr. Should a process die, the others
    end within `job.lost_after` seconds: with one line and exit code 2 where a collective operation
    fails, or with the log of jax's coordination service and an abort (exit code 134).

    A process whose block fails reports the error and ends at once. It skips the shutdown barrier of
    jax.distributed, at which it would wait for the others, unless they have failed as well.

    Raises:
      UserError: the fields of `job` make no sense, or no process answers.
    """
    job.check()
    if job.coordinator is None:
        yield
        return
    _initialize(job)
    try:
        with contextlib.ExitStack() as stack:
            if jax.process_index():
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
            yield
        jax.distributed.shutdown()
    except BaseException as error:
        _end(error)


def _end(error: BaseException) -> NoReturn:
    """Reports an error and ends this process, process 0 after all others that have failed too."""
    if isinstance(error, jax.errors.JaxRuntimeError):
        reason = str(error).partition("\n")[0]
        error = UserError(f"the devices failed, or another process died ({reason}); {AGAIN}")
    code = errors.report(error, f"process {jax.process_index()} of {jax.process_count()}")
    sys.stdout.flush()
    try:
        # What is wrong with the arguments is wrong with those of all. Process 0 runs the
        # coordination service, without which the others would abort in the midst of their report.
        multihost.get_barrier_sync_fn()(
            key="jaxhash: all failed", timeout_ms=1_000 * FAILED_TOGETHER
        )
        jax.distributed.shutdown()
    finally:
        os._exit(code)


def _initialize(job: Job) -> None:
    """Calls jax.distributed, which aborts the process where not all connect in time."""
    # The preemption service would replace the handler of SIGTERM in jaxhash.training.preemption.
    jax.config.update("jax_enable_preemption_service", False)
    times: dict[str, Any] = {
        "initialization_timeout": job.gathering,
        "heartbeat_timeout_seconds": job.lost_after,
        "shutdown_timeout_seconds": LONGEST_FINISH,
    }
    if job.coordinator == "auto":
        try:
            jax.distributed.initialize(**times)
        except ValueError as error:
            raise UserError(
                "--coordinator=auto: found no SLURM or Open MPI job, TPU pod or GKE here; give "
                "--coordinator=HOST:PORT, --process_id and --num_processes"
            ) from error
        return
    assert job.coordinator is not None  # Job.check and joined see to it
    if job.process:
        _wait_for(job.coordinator, job.gathering)
    else:
        _check_free(job.coordinator)
        print(
            f"waiting for {job.processes} processes to connect to {job.coordinator}, each with its "
            f"own --process_id, for --coordinator_timeout={job.gathering} seconds",
            flush=True,
        )
    jax.distributed.initialize(job.coordinator, job.processes, job.process, **times)


def _check_free(coordinator: str) -> None:
    """Raises UserError where the port cannot be listened at: jax itself would crash."""
    port = int(coordinator.rpartition(":")[2])
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise UserError(
            f"--coordinator={coordinator}: cannot listen there ({error.strerror}); "
            "choose another port, the same for all processes"
        ) from error


def _wait_for(coordinator: str, timeout: float) -> None:
    """Waits until process 0 listens at HOST:PORT: jax would not say that it does not."""
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
    """Broadcasts the values of process 0 to all, bit for bit: arrays of equal shapes, or scalars.

    >>> agree({"resumes": True})
    {'resumes': array(True)}
    """
    tree = jax.tree.map(np.asarray, tree)
    if jax.process_count() == 1:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    # As one array of bytes: each shape would be compiled by itself, and -0.0 arrive as 0.0.
    sent = np.frombuffer(b"".join(leaf.tobytes() for leaf in leaves), np.uint8)
    ends = np.cumsum([leaf.nbytes for leaf in leaves])
    parts = np.split(np.asarray(multihost_utils.broadcast_one_to_all(sent)), ends[:-1])
    values = [
        np.frombuffer(part.tobytes(), leaf.dtype).reshape(leaf.shape)
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, values)


def largest(number: int) -> int:
    """Returns the largest of all processes' numbers, the same on every process.

    >>> largest(15)
    15
    """
    return int(multihost_utils.process_allgather(np.int32(number)).max())


def is_primary() -> bool:
    """Tells whether this is process 0, which writes files."""
    return jax.process_index() == 0


def meet() -> None:
    """Waits until every process has called this: a barrier."""
    multihost_utils.sync_global_devices("jaxhash")


@contextlib.contextmanager
def primary_first() -> Iterator[None]:
    """Lets process 0 run the block before all others, for files that it prepares for them."""
    if not is_primary():
        meet()
    yield
    if is_primary():
        meet()
