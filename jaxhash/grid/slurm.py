"""Runs of a grid as a SLURM array, through submitit."""

import contextlib
import fcntl
import getpass
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxhash.errors import UserError, first_line
from jaxhash.grid.progress import Progress
from jaxhash.grid.run import Run
from jaxhash.runs import workdir
from jaxhash.training.preemption import Stopping

POLL = 5  # seconds
GRACE = 3  # polls of the queue that results may take to appear on a slow file system
REQUEUES = 100  # after the time limit or a preemption; the run resumes each time
SUBMITTED = "submitted.json"


class Options(NamedTuple):
    """Resources of the jobs: minutes, GPUs and CPUs are for each run, at_once limits the array."""

    partition: str | None = None
    minutes: int = 60
    gpus: int = 0
    cpus: int | None = None
    at_once: int | None = None
    more: dict[str, str] = {}  # noqa: RUF012  never changed

    def parameters(self) -> dict[str, Any]:
        """Returns the options that are set, under their names in submitit."""
        options = {
            "name": "jaxhash-grid",
            "timeout_min": self.minutes,
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "slurm_partition": self.partition,
            "slurm_array_parallelism": self.at_once,
            "slurm_additional_parameters": self.more or None,
        }
        return {name: value for name, value in options.items() if value is not None}


class Job:
    """One run as a job: submitit calls it, and calls it again after the time limit."""

    def __init__(self, run: Run):
        self.run = run
        self._pid: int | None = None

    def __call__(self) -> str:
        """Trains the run; returns the reason why it has no results, or ''."""
        log = self.run.claim()
        while log is None:  # another process has it
            time.sleep(POLL)
            log = self.run.claim()
        with log:
            if self.run.finished():
                return ""
            self.run.announce(log)
            process = subprocess.Popen(
                self.run.command(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        self._pid = process.pid
        return self.run.why_not(process.wait())

    def checkpoint(self) -> Any:
        """Waits until the run has saved; SLURM sends it the same signal."""
        if self._pid is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        return _submitit().helpers.DelayedSubmission(Job(self.run))


def train(
    runs: Sequence[Run],
    options: Options,
    folder: Path,
    progress: Progress,
    cluster: str = "slurm",
    queued: Callable[[], set[str] | None] | None = None,
) -> None:
    """Submits the runs that are not queued yet, and polls until all have ended.

    Args:
      runs: none of them finished.
      options: the resources of each job.
      folder: for submitit's files and the list of submitted runs, on a disk that all machines
        share.
      progress: gets each run as it ends. Ctrl-C ends the polling, not the jobs.
      cluster: "slurm", or another executor of submitit.
      queued: returns the ids in the queue, None where the queue does not answer; default: `squeue`.

    Raises:
      UserError: submitit or SLURM is not installed, or refuses the options.
    """
    queued = queued or _squeue
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        ids = _submitted(folder)
        there = queued() or set()
        missing = [run for run in runs if ids.get(run.name) not in there]
        if missing:
            ids |= _submit(missing, options, folder, cluster)
            workdir.write(folder / SUBMITTED, json.dumps(ids, indent=1) + "\n")
    progress.say(f"{len(missing)} runs submitted, {len(runs) - len(missing)} were in the queue")
    waiting = dict.fromkeys(runs, 0)  # polls since each was last in the queue
    with Stopping() as stop:
        while waiting and not stop.came:
            seen = queued()
            for run in list(waiting):
                gone = seen is not None and ids[run.name] not in seen
                waiting[run] = waiting[run] + 1 if gone else 0
                if run.finished():
                    progress.ended(run, "")
                    del waiting[run]
                elif waiting[run] > GRACE:
                    progress.ended(run, run.last_line() or f"no log; see {folder}")
                    del waiting[run]
            progress.running([run.name for run in waiting if run.state() == "running"], 0)
            _pause(stop, POLL if waiting else 0)
    if stop.came:
        jobs = sorted({ids[run.name].partition("_")[0] for run in waiting})
        progress.say(f"{stop.came}: the jobs continue; scancel {' '.join(jobs)} ends them")


def _submit(runs: Sequence[Run], options: Options, folder: Path, cluster: str) -> dict[str, str]:
    submitit = _submitit()
    try:
        executor = submitit.AutoExecutor(folder, cluster, slurm_max_num_timeout=REQUEUES)
        executor.update_parameters(**options.parameters())
        jobs = executor.submit_array([Job(run) for run in runs])
    except (RuntimeError, ValueError, OSError) as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"--slurm: nothing submitted: {said[-1]}") from error
    return {run.name: job.job_id for run, job in zip(runs, jobs, strict=True)}


def _submitit() -> ModuleType:
    """Imports submitit without its logging set-up, which closes the handlers of other libraries.

    Raises:
      UserError: it is not installed.
    """
    name = "SUBMITIT_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ[name] = "NOCONFIG"
    try:
        import submitit  # noqa: PLC0415  an extra
    except ImportError:
        raise UserError("--slurm needs submitit: pip install 'jaxhash[slurm]'") from None
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
    return submitit


def _squeue() -> set[str] | None:
    """Lists the ids of the user's jobs that wait or run; None where SLURM does not answer."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--user={getpass.getuser()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("--slurm: squeue is not installed; expected a machine with SLURM") from None
    return set(done.stdout.split()) if done.returncode == 0 else None


def _pause(stop: Stopping, seconds: float) -> None:
    """Sleeps until the time is over or Ctrl-C comes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stop.came:
        time.sleep(0.1)


def _submitted(folder: Path) -> dict[str, str]:
    path = folder / SUBMITTED
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path}: damaged ({first_line(error)}); end the jobs of this grid with scancel, "
            "delete the file, and give the same command again"
        ) from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds a lock, so that two grids do not submit the same run."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
