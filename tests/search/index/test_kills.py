"""Several writers at once, killed at random: what was acknowledged is there afterwards."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np

from jaxhash.search.index.embedded import FILE, Embedded
from jaxhash.search.index.interface import Item

KILLS, WRITERS = 36, 3
# Makes writers by forking, which is quicker than starting each.
NURSERY = """
import os, signal, sys
from pathlib import Path
from tests.search.index.test_kills import work
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    if not os.fork():
        work(Path(sys.argv[1]), int(line))
"""


def calls(seed):
    """The calls of one writer, in order: ids of its own that are added or deleted together."""
    choose, batch = random.Random(seed), 0
    while True:
        ids = [f"{seed}/{batch}/{number}" for number in range(choose.choice([1, 7, 60]))]
        yield "add", ids
        if choose.random() < 0.4:
            yield "delete", ids
        batch += 1


def work(folder, seed):
    """Says its process, and after each call that it was done."""
    os.write(1, f"process {seed} {os.getpid()}\n".encode())
    index = Embedded(folder, 48, "m")
    for kind, ids in calls(seed):
        code = np.full(6, seed % 256, np.uint8)
        index.add([Item(id, code, {}) for id in ids]) if kind == "add" else index.delete(ids)
        os.write(1, f"done {seed}\n".encode())


def states(seed, done):
    """What a writer has stored after `done` calls, and after one more."""
    stored, steps = set(), calls(seed)
    for number in range(done + 1):
        if number == done:
            yield frozenset(stored)
        kind, ids = next(steps)
        stored = stored | set(ids) if kind == "add" else stored - set(ids)
    yield frozenset(stored)


def test_what_several_killed_writers_had_acknowledged_is_there(tmp_path):
    choose, processes, done = random.Random(0), {}, {}
    command = [sys.executable, "-c", NURSERY, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        closing(Embedded(tmp_path, 48, "m")) as reader,
        subprocess.Popen(command, stderr=subprocess.DEVNULL, **pipes) as nursery,
    ):

        def listen():
            for line in nursery.stdout:
                word, seed, *rest = line.split()
                if word == "process":
                    processes[int(seed)] = int(rest[0])
                    done[int(seed)] = 0
                else:
                    done[int(seed)] += 1

        listener = threading.Thread(target=listen)
        listener.start()

        def start(seed):
            print(seed, file=nursery.stdin, flush=True)
            end = time.monotonic() + 60
            while seed not in done and time.monotonic() < end:
                time.sleep(0.002)

        for seed in range(WRITERS):
            start(seed)
        running = list(range(WRITERS))
        for kill in range(KILLS):
            time.sleep(choose.uniform(0, 0.08))
            seed = running.pop(choose.randrange(WRITERS))
            os.kill(processes[seed], signal.SIGKILL)
            reader.nearest(np.zeros((1, 6), np.uint8), 9)  # follows step by step
            running.append(WRITERS + kill)
            start(running[-1])
        for seed in running:
            os.kill(processes[seed], signal.SIGKILL)
        nursery.stdin.close()
        listener.join()
        stored = {}
        for item in reader.items(limit=10**6):
            stored.setdefault(int(item.id.split("/")[0]), set()).add(item.id)
        for seed, calls_done in done.items():
            assert stored.pop(seed, set()) in list(states(seed, calls_done)), (seed, calls_done)
        assert not stored and len(done) == KILLS + WRITERS and sum(done.values()) > 2 * KILLS
        with closing(Embedded(tmp_path, 48, "m", create=False)) as fresh:
            queries = np.arange(0, 256, 37, dtype=np.uint8)[:, None].repeat(6, axis=1)
            hits = [index.within(queries, 20) for index in (reader, fresh)]
            ids = [[[hit.item.id for hit in near] for near in found] for found in hits]
            assert ids[0] == ids[1]
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)
