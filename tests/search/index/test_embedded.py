"""The embedded engine: kills, several readers and writers, damaged files, long histories."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jaxhash.errors import UserError
from jaxhash.search.index import embedded
from jaxhash.search.index.embedded import FILE, Embedded
from jaxhash.search.index.interface import Item
from tests.search.index.engines import BruteForce, answers, make, same

KILLS = 12
# Says what it is about to do, does it, says that it was done; for ever.
WRITER = """
import random, sys
from pathlib import Path
from tests.search.index.engines import make
from jaxhash.search.index.embedded import Embedded
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
index, choose = Embedded(folder, 48, "m"), random.Random(seed)
for step in range(10**9):
    kind, size = choose.choice(["add", "delete"]), choose.choice([1, 30, 300])
    batch = f"{kind} {seed * 100_000 + step} {size}"
    print("start", batch, flush=True)
    items, _ = make(size, 48, seed=seed * 100_000 + step)
    index.add(items) if kind == "add" else index.delete([item.id for item in items])
    print("done", batch, flush=True)
"""


def apply(batch, stored):
    kind, seed, size = batch.split()
    for item in make(int(size), 48, seed=int(seed))[0]:
        if kind == "add":
            stored[item.id] = item
        else:
            stored.pop(item.id, None)
    return stored


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_and_nothing_else_does(tmp_path):
    choose, stored, midway = random.Random(0), {}, 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", WRITER, tmp_path, str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            first = writer.stdout.readline()
            time.sleep(choose.uniform(0, 0.3))
            writer.send_signal(signal.SIGKILL)
            lines = [first, *writer.stdout]
        assert writer.returncode == -signal.SIGKILL
        lines = [line.split(maxsplit=1) for line in lines if line.endswith("\n")]
        for word, batch in lines:
            if word == "done":
                stored = apply(batch, stored)
        # The call that was under way has happened whole or not at all.
        possible = [stored]
        if lines[-1][0] == "start":
            possible.append(apply(lines[-1][1], dict(stored)))
        index = Embedded(tmp_path, 48, "m", create=False)
        found = {item.id: item for item in index.items(limit=10**6)}
        matching = [
            state
            for state in possible
            if state.keys() == found.keys() and all(same(found[id], state[id]) for id in state)
        ]
        assert matching, f"kill {kill}: neither the state before nor the one after {lines[-1]}"
        stored = matching[0]
        queries = make(5, 48, seed=kill)[1]
        assert answers(index.nearest(queries, 20)) == BruteForce(stored.values()).nearest(
            queries, 20
        )
        index.close()
        midway += lines[-1][0] == "start"
        with sqlite3.connect(tmp_path / FILE) as file:
            assert file.execute("pragma integrity_check").fetchone() == ("ok",)
        file.close()
    assert stored and midway > KILLS // 2


def test_a_reader_catches_up_step_by_step_or_all_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "LOGGED", 30)
    items, queries = make(400, 48, "clusters")
    writer, reader = Embedded(tmp_path, 48, "m"), Embedded(tmp_path, 48, "m")
    expected, choose, where = BruteForce(), random.Random(1), {"half": "a"}
    for _ in range(120):
        some = choose.sample(items, choose.choice([0, 1, 5, 29, 30, 31, 100]))
        if choose.random() < 0.6:
            writer.add(some)
            expected.stored |= {item.id: item for item in some}
        else:
            writer.delete([item.id for item in some])
            for item in some:
                expected.stored.pop(item.id, None)
        if choose.random() < 0.4:
            assert answers(reader.nearest(queries, 15)) == expected.nearest(queries, 15)
            found = answers(reader.within(queries, 20, where))
            assert found == expected.within(queries, 20, where)
    with writer._file.reading() as file:
        logged = file.db.execute("select count(*) from change").fetchone()[0]
    assert logged <= 30
    reader.close()
    writer.close()


def test_threads_and_a_second_writer_take_turns(tmp_path):
    items, queries = make(400, 48)
    one, other = Embedded(tmp_path, 48, "m"), Embedded(tmp_path, 48, "m")
    failed = []

    def work(index, mine):
        try:
            for item in mine:
                index.add([item])
                assert index.nearest(item.code[None], 400)[0][0].distance == 0
        except BaseException as error:
            failed.append(error)

    jobs = [(one, items[:20]), (one, items[20:40]), (other, items[40:60]), (other, items[60:80])]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    expected = BruteForce(items[:80])
    assert answers(one.nearest(queries, 90)) == answers(other.nearest(queries, 90))
    assert answers(one.nearest(queries, 90)) == expected.nearest(queries, 90)
    one.close()
    other.close()


def test_a_call_that_fails_leaves_nothing(tmp_path, monkeypatch):
    index = Embedded(tmp_path, 48, "m")
    items, _ = make(10, 48)
    index.add(items[:5])
    monkeypatch.setattr(index, "_log", lambda db, ids: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index.add(items)
    assert index.count() == len(index.items()) == 5
    index.close()


def test_a_file_that_is_no_index_is_refused_in_one_line(tmp_path):
    (tmp_path / FILE).write_text("something else, and long enough to be looked at" * 100)
    with pytest.raises(UserError, match=f"{FILE}: file is not a database"):
        Embedded(tmp_path, 48, "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="index .*file"):
        Embedded(tmp_path / "file", 48, "m")


class Machine(RuleBasedStateMachine):
    """Random histories of two clients, against a dict."""

    ids = st.sampled_from([f"{letter}{number}" for letter in "ab" for number in range(6)])
    codes = st.integers(0, 2**12 - 1)
    labels = st.sampled_from(["cat", "dog"])
    items = st.lists(st.tuples(ids, codes, labels), max_size=6)

    @initialize()
    def start(self):
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.clients = [Embedded(self.path, 12, "m") for _ in range(2)]
        self.expected = BruteForce()

    @rule(items=items, client=st.integers(0, 1))
    def add(self, items, client):
        items = [Item(id, self.code(code), {"label": label}) for id, code, label in items]
        self.clients[client].add(items)
        self.expected.stored |= {item.id: item for item in items}

    @rule(ids=st.lists(ids, max_size=6), client=st.integers(0, 1))
    def delete(self, ids, client):
        there = len(set(ids) & self.expected.stored.keys())
        assert self.clients[client].delete(ids) == there
        for id in ids:
            self.expected.stored.pop(id, None)

    @rule(client=st.integers(0, 1))
    def reopen(self, client):
        self.clients[client].close()
        self.clients[client] = Embedded(self.path, 12, "m", create=False)

    @rule(
        code=codes,
        k=st.integers(0, 15),
        client=st.integers(0, 1),
        where=st.sampled_from([None, {"label": "cat"}]),
    )
    def query(self, code, k, client, where):
        index, code = self.clients[client], self.code(code)[None]
        assert answers(index.nearest(code, k, where)) == self.expected.nearest(code, k, where)
        assert answers(index.within(code, k, where)) == self.expected.within(code, k, where)

    @precondition(lambda self: hasattr(self, "clients"))
    @invariant()
    def count(self):
        assert {index.count() for index in self.clients} == {len(self.expected.stored)}

    def teardown(self):
        for index in getattr(self, "clients", []):
            index.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @staticmethod
    def code(number):
        return np.array([number >> 4, (number & 15) << 4], np.uint8)


TestHistories = Machine.TestCase
TestHistories.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
