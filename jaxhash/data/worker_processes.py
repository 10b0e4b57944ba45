"""The first steps of every worker process, so that its parent alone decides how it ends."""

import multiprocessing
import os
import signal
import threading


def start() -> None:
    """Leaves Ctrl-C to the parent process, and ends this process when the parent is gone.

    To be called first in a process that `multiprocessing` started. A pool ends its workers when it
    is closed, but a parent that is killed closes nothing, and its workers would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to every process
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os._exit(1)  # sys.exit would end this thread alone
