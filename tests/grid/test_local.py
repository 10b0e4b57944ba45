"""Processes of a grid on this machine, with scripts in place of trainings."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from jaxhash.errors import UserError
from jaxhash.grid import local
from jaxhash.grid.progress import Progress
from jaxhash.grid.run import Run
from tests.grid import small

GOOD = "import json; (folder / 'results.json').write_text(json.dumps({'map': 0.5}))"
BAD = "print('first'); raise SystemExit('jaxhash: the last line')"


def train(runs, jobs=1):
    with Progress(len(runs), 0) as progress:
        local.train(runs, jobs, progress)
    return progress.failures


def script(tmp_path, name, text=GOOD):
    return small.Script(tmp_path / name, text, ())


def wait_for(condition):
    while not condition():
        time.sleep(0.02)


def test_a_failed_run_is_told_with_its_last_line_and_the_others_go_on(tmp_path, capsys):
    runs = [script(tmp_path, "a"), script(tmp_path, "b", BAD), script(tmp_path, "c")]
    (failure,) = train(runs, jobs=2)
    log = tmp_path / "b" / "log.txt"
    assert str(failure) == f"failed: b: jaxhash: the last line; see {log}"
    assert [run.state() for run in runs] == ["done", "begun", "done"]
    assert "first" in log.read_text()
    out = capsys.readouterr().out
    assert "done: a: mAP 0.5000" in out and "failed: b" in out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
        ("pass", "stopped before its end"),
    ],
)
def test_why_a_run_has_no_results(tmp_path, text, why):
    assert [failure.why for failure in train([script(tmp_path, "a", text)])] == [why]


def test_as_many_run_at_once_as_there_are_jobs(tmp_path):
    text = f"import time; time.sleep(0.4); n = len([*folder.parent.glob('*/now')]); {GOOD}"
    text = f"(folder / 'now').touch(); {text}; (folder / 'now').unlink(); (folder / str(n)).touch()"
    runs = [script(tmp_path, name, text) for name in "abcd"]
    assert train(runs, jobs=2) == []
    seen = Counter(path.name for path in tmp_path.glob("*/[0-9]"))
    assert max(map(int, seen)) == 2


def test_a_run_that_another_process_has_is_left_to_it(tmp_path):
    run = script(tmp_path, "a", f"import time; time.sleep(0.8); {GOOD}")
    other = run.claim()
    with other:
        process = subprocess.Popen(run.command(), stdout=other)
    assert run.state() == "running"  # though whoever started it has let go
    assert run.claim() is None
    assert train([run, script(tmp_path, "b")]) == []
    assert process.wait() == 0 and run.state() == "done"
    assert "$ " not in (tmp_path / "a" / "log.txt").read_text()


def test_a_run_that_another_process_gave_up_is_done_here(tmp_path):
    run = script(tmp_path, "a")
    with run.claim() as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(0.5)"], stdout=log
        )
    assert train([run]) == []
    assert process.wait() == 0 and run.state() == "done"


def test_ctrl_c_lets_runs_save_and_starts_no_more(tmp_path, capsys):
    text = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: ((folder / 'saved').touch(), exit(0)))\n"
        "(folder / 'ready').touch()\n"
        "time.sleep(60)"
    )
    runs = [script(tmp_path, "a", text), script(tmp_path, "b", text)]

    def interrupt():
        wait_for((tmp_path / "a" / "ready").exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    failures = train(runs)
    assert [failure.why for failure in failures] == ["stopped before its end"]
    assert (tmp_path / "a" / "saved").exists() and not (tmp_path / "b").exists()
    assert "SIGINT: 1 running, which save and end" in capsys.readouterr().out


def test_cores_and_gpus_are_dealt_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4})
    assert [share.cores for share in local.shares(2)] == [[0, 2, 4], [1, 3]]
    assert [share.cores for share in local.shares(1)] == [[]]
    assert [share.cores for share in local.shares(6)] == [[]] * 6
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    assert [share.gpus for share in local.shares(2)] == [["4", "7"], ["5"]]
    assert [share.gpus for share in local.shares(1)] == [[]]
    with pytest.raises(UserError, match="--jobs=4: expected at most 3, one for each GPU"):
        local.shares(4)


def test_gpus_are_those_that_the_driver_lists(tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU 0: one\necho GPU 1: two\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert local.gpus({"PATH": f"{tmp_path}:{os.environ['PATH']}"}) == ["0", "1"]
    assert local.gpus({"PATH": "/nowhere"}) == []


def test_a_process_gets_its_share(tmp_path):
    core = min(os.sched_getaffinity(0))
    share = local.Share([core], ["3"])
    text = "import os; print(os.sched_getaffinity(0), os.environ['CUDA_VISIBLE_DEVICES'])"
    with (tmp_path / "out").open("wb") as log:
        process = share.start([sys.executable, "-c", f"import time; time.sleep(0.2); {text}"], log)
    assert process.wait() == 0
    assert (tmp_path / "out").read_text() == f"{{{core}}} 3\n"


def test_the_last_line_is_the_last_that_says_something(tmp_path):
    run = Run(tmp_path, "x", ())
    (tmp_path / "log.txt").write_bytes(b"a\nb 10%\rc 20%\r\n\n \n")
    assert run.last_line() == "c 20%"


def test_every_start_is_a_line_of_the_log(tmp_path):
    run = Run(tmp_path, "x", ())
    (tmp_path / "log.txt").write_bytes(b"train: 10%")
    with run.claim() as log:
        run.announce(log)
    assert (tmp_path / "log.txt").read_text().splitlines()[1].startswith("$ ")
