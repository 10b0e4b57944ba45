"""Runs of a grid on this machine: several at once, each in a process with its own cores and GPUs.

A process trains one run after another (`jaxhash.grid.worker`), and is replaced where it has ended.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from jaxhash.cli import cpu_devices
from jaxhash.errors import UserError
from jaxhash.grid import worker
from jaxhash.grid.progress import Progress
from jaxhash.grid.run import Run
from jaxhash.training.preemption import Stopping

POLL = 0.2  # seconds
PATIENCE = 10  # seconds between SIGTERM and SIGKILL
MOST = 50  # runs of a process: what JAX keeps of each is never freed as a whole
WORKER = (sys.executable, "-u", "-m", "jaxhash.grid.worker")


class Share:
    """The cores and GPUs of one of several simultaneous runs; empty lists stand for all."""

    def __init__(self, cores: Sequence[int], gpus: Sequence[str]):
        self.cores = cores
        self.gpus = gpus
        self._process: subprocess.Popen | None = None
        self._connection: socket.socket | None = None
        self._runs = 0  # of its process

    def train(self, run: Run, log: BinaryIO) -> None:
        """Has its process train a run that writes to a log; starts one where there is none."""
        if self._process is None or self._process.poll() is not None or self._runs == MOST:
            self._start()
        assert self._connection is not None  # just made
        self._runs += 1
        worker.ask(self._connection, run.arguments(), log.fileno())

    def ended(self) -> int | None:
        """Returns the exit code of its run; None while that goes on."""
        assert self._process is not None and self._connection is not None  # a run was given
        try:
            answer = self._connection.recv(16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            answer = b""
        # Without an answer, the run has ended with the process.
        return int(answer) if answer else self._process.wait()

    def signal(self, number: int) -> None:
        """Sends its process a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Ends its process, which has no run, or has some time to save it."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        """Starts a process, in a session that Ctrl-C does not reach."""
        self.close()
        self._runs = 0
        environment = dict(os.environ)
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        cpu_devices.share(environment, self.cores)
        self._connection, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [*WORKER, str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )
        if self.cores:
            # Before it has imported anything that starts threads, since threads inherit it.
            os.sched_setaffinity(self._process.pid, self.cores)


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
    every, active = [*free], dict[Run, Share]()
    with Stopping() as stop:
        try:
            told = False
            while active or (waiting and not stop.came):
                if stop.came and not told:
                    told = True
                    progress.say(f"{stop.came}: {len(active)} running, which save and end")
                    for share in active.values():
                        share.signal(signal.SIGTERM)
                for _ in range(len(waiting) if free and not stop.came else 0):
                    _start(waiting, active, free, progress)
                for run, share in list(active.items()):
                    code = share.ended()
                    if code is not None:
                        del active[run]
                        free.append(share)
                        progress.ended(run, run.why_not(code))
                progress.running([run.name for run in active], len(waiting))
                time.sleep(POLL)
        finally:
            for share in active.values():  # after an error or a second Ctrl-C in this process
                share.signal(signal.SIGTERM)
            for share in every:
                share.close()


def _start(
    waiting: deque[Run], active: dict[Run, Share], free: list[Share], progress: Progress
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
        active[run] = free.pop(0)
        active[run].train(run, log)
