"""Runs of a grid on this machine: several at once, each a process with its own cores and GPUs."""

import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence

from jaxhash.errors import UserError
from jaxhash.grid.progress import Progress
from jaxhash.grid.run import Run
from jaxhash.training.preemption import Stopping

POLL = 0.2  # seconds
PATIENCE = 10  # seconds between SIGTERM and SIGKILL


class Share:
    """The cores and GPUs of one of several simultaneous runs; empty lists stand for all."""

    def __init__(self, cores: Sequence[int], gpus: Sequence[str]):
        self.cores = cores
        self.gpus = gpus

    def start(self, command: Sequence[str], log) -> subprocess.Popen:
        """Starts a process that writes to a log, in a session that Ctrl-C does not reach."""
        environment = dict(os.environ)
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        if self.cores:
            # Before it has imported anything that starts threads, since threads inherit it.
            os.sched_setaffinity(process.pid, self.cores)
        return process


def shares(jobs: int) -> list[Share]:
    """Divides the machine among `jobs` simultaneous runs.

    Cores are divided where there are enough; otherwise every run would start a thread for each core
    of the machine.

    Raises:
      UserError: there are fewer GPUs than jobs, and JAX takes most of the memory of a GPU.
    """
    devices = gpus(os.environ)
    if devices and jobs > len(devices):
        raise UserError(f"--jobs={jobs}: expected at most {len(devices)}, one for each GPU")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if jobs == 1 or len(cores) < jobs:
        cores = []
    return [Share(cores[job::jobs], devices[job::jobs] if jobs > 1 else []) for job in range(jobs)]


def gpus(environment: Mapping[str, str]) -> list[str]:
    """Lists the GPUs that runs would see; none where JAX is set to use the CPU.

    >>> gpus({"CUDA_VISIBLE_DEVICES": "2,3"}), gpus({"JAX_PLATFORMS": "cpu"})
    (['2', '3'], [])
    """
    if environment.get("JAX_PLATFORMS") == "cpu":
        return []
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name]
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        return []
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))]


def train(runs: Sequence[Run], jobs: int, progress: Progress) -> None:
    """Trains runs, `jobs` at once, and reports each to `progress` as it ends.

    A run that another process holds is put last in the queue, and trained here if that process does
    not finish it. On Ctrl-C and SIGTERM the active runs save and end; on a second Ctrl-C they end
    at once.
    """
    waiting, free = deque(runs), shares(jobs)
    active: dict[Run, tuple[subprocess.Popen, Share]] = {}
    asked = False
    with Stopping() as stop:
        try:
            while active or (waiting and not stop.came):
                if stop.came and not asked:
                    asked = True
                    waiting.clear()
                    progress.say(f"{stop.came}: {len(active)} running, which save and end")
                    _signal(active, signal.SIGTERM)
                for _ in range(len(waiting) if free else 0):
                    _start(waiting, active, free, progress)
                for run, (process, share) in list(active.items()):
                    if process.poll() is not None:
                        del active[run]
                        free.append(share)
                        progress.ended(run, run.why_not(process.returncode))
                progress.running([run.name for run in active], len(waiting))
                time.sleep(POLL)
        finally:
            _end(active)


def _start(
    waiting: deque[Run],
    active: dict[Run, tuple[subprocess.Popen, Share]],
    free: list[Share],
    progress: Progress,
) -> None:
    """Starts the first run of the queue, or puts it last where another process holds it."""
    run = waiting.popleft()
    log = run.claim() if free else None
    if log is None:
        waiting.append(run)
        return
    with log:
        if run.finished():  # by another process
            progress.ended(run, "")
            return
        run.announce(log)
        share = free.pop(0)
        active[run] = share.start(run.command(), log), share


def _signal(active: dict[Run, tuple[subprocess.Popen, Share]], number: int) -> None:
    for process, _ in active.values():
        process.send_signal(number)


def _end(active: dict[Run, tuple[subprocess.Popen, Share]]) -> None:
    """Ends all processes, after an error or a second Ctrl-C in this one."""
    _signal(active, signal.SIGTERM)
    for process, _ in active.values():
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
