"""A process that trains one run of a grid after another: `python -m jaxhash.grid.worker FD`.

What a process needs long for happens once, not for every run: imports, the columns of a data set,
the compiled programs of a network. Over the socket whose number it is given it gets the arguments
of a run for `jaxhash.main`, with its log, and answers with the exit code; see `jaxhash.grid.local`.
"""

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence

from jaxhash.cli import command_line
from jaxhash.errors import UserError, report

Task = tuple[list[str], int]  # arguments, and the descriptor of the log


def ask(connection: socket.socket, arguments: Sequence[str], log: int) -> None:
    """Sends a worker the arguments of a run, and the descriptor of its log with the lock on it."""
    socket.send_fds(connection, [json.dumps([*arguments]).encode() + b"\n"], [log])


def serve(connection: socket.socket, train: Callable[[list[str]], None]) -> None:
    """Trains what it is asked to, until nobody asks any more.

    A UserError ends a run; after another error, which may have left anything behind, the process
    ends too.
    """
    while (task := _next(connection)) is not None:
        arguments, log = task
        with _writing_to(log):
            code, ends = _run(train, arguments)
        if ends:
            sys.exit(code)
        with contextlib.suppress(OSError):  # who asked is gone; the run is whole
            connection.sendall(f"{code}\n".encode())
        gc.collect()  # arrays of the run, in cycles


def _next(connection: socket.socket) -> Task | None:
    """Waits for a run; returns None where there will be none."""
    text, log = b"", -1
    while not text.endswith(b"\n"):
        part, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 1)
        if not part:
            return None
        text += part
        log = descriptors[0] if descriptors else log
    return json.loads(text), log


def _run(train: Callable[[list[str]], None], arguments: list[str]) -> tuple[int, bool]:
    """Returns the exit code of a run, and whether it leaves the process in an unknown state."""
    try:
        train(arguments)
    except BaseException as error:
        return report(error), not isinstance(error, UserError)
    return 0, False


@contextlib.contextmanager
def _writing_to(log: int) -> Iterator[None]:
    """Sends the output of the process to a log, and lets go of it, and so of its lock."""
    with open(os.devnull, "wb") as nowhere:
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)


def _train(arguments: list[str]) -> None:
    # By name, as a process of its own would be started: the commands are above this package. And
    # not before the log is there, which says what cannot be imported.
    importlib.import_module("jaxhash.main").main(arguments)


if __name__ == "__main__":
    command_line.prepare(steps=True)
    serve(socket.socket(fileno=int(sys.argv[1])), _train)
