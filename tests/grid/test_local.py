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


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.setattr(local, "WORKER", (*local.WORKER[:3], "tests.grid.script_worker"))


def train(runs, jobs=1):
    with Progress(len(runs), 0) as progress:
        local.train(runs, jobs, progress)
    return progress.failures


def script(tmp_path, name, text=GOOD):
    return small.Script(tmp_path / name, text, ())


def test_a_log_on_a_full_disk_is_one_line(tmp_path):
    run = script(tmp_path, "a")
    said = pytest.raises(UserError, match=r"a: cannot be written \(No space left")
    with open("/dev/full", "ab", buffering=0) as log, said as error:
        run.announce(log)
    assert "\n" not in str(error.value)


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


def test_a_process_gets_its_share(tmp_path, monkeypatch):
    core = min(os.sched_getaffinity(0))
    monkeypatch.setattr(local, "shares", lambda jobs: [local.Share([core], ["3"])])
    text = "import os; print(os.sched_getaffinity(0), os.environ['CUDA_VISIBLE_DEVICES'])"
    train([script(tmp_path, "a", f"import time; time.sleep(0.2); {text}")])
    assert (tmp_path / "a" / "log.txt").read_text().endswith(f"\n{{{core}}} 3\n")


PID = f"import os; (folder / 'pid').write_text(str(os.getpid())); {GOOD}"
MISTAKE = "from jaxhash.errors import UserError; raise UserError('bits=0: expected 1 or more')"


def pids(runs):
    return [(run.folder / "pid").read_text() for run in runs]


def test_a_process_trains_one_run_after_another(tmp_path):
    runs = [script(tmp_path, name, PID) for name in "abc"]
    runs.insert(1, script(tmp_path, "mistake", MISTAKE))
    (failure,) = train(runs)
    assert failure.why == "jaxhash: bits=0: expected 1 or more"
    assert len({*pids(run for run in runs if run.name != "mistake")}) == 1


@pytest.mark.parametrize("bad", [BAD, "1 / 0", "import os; os._exit(3)"])
def test_a_process_that_failed_is_replaced(tmp_path, bad):
    runs = [script(tmp_path, "a", PID), script(tmp_path, "b", bad), script(tmp_path, "c", PID)]
    (failure,) = train(runs)
    assert failure.run.name == "b"
    first, second = pids([runs[0], runs[2]])
    assert first != second
    if bad == "1 / 0":
        assert failure.why == "ZeroDivisionError: division by zero"


def test_a_process_is_replaced_after_many_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "MOST", 2)
    runs = [script(tmp_path, name, PID) for name in "abcde"]
    assert train(runs) == []
    assert [*Counter(pids(runs)).values()] == [2, 2, 1]


def test_a_run_is_let_go_when_it_ends_and_its_log_is_its_own(tmp_path):
    text = (
        "import time\n"
        "while not (folder.parent / 'seen').exists(): time.sleep(0.05)\n"
        f"print('only in b')\n{GOOD}"
    )
    runs = [script(tmp_path, "a", f"print('only in a'); {GOOD}"), script(tmp_path, "b", text)]

    def look():
        """Claims the first run while the process is busy with the second."""
        wait_for(lambda: runs[1].state() == "running")
        log = runs[0].claim()
        if log:
            log.close()
            (tmp_path / "claimed").touch()
        (tmp_path / "seen").touch()

    threading.Thread(target=look).start()
    assert train(runs) == []
    assert (tmp_path / "claimed").exists()
    assert "only in a" in (tmp_path / "a" / "log.txt").read_text()
    assert "only in a" not in (tmp_path / "b" / "log.txt").read_text()


def test_a_run_outlives_the_grid_and_no_other_follows(tmp_path):
    grid = (
        "import sys; from pathlib import Path; from tests.grid import small\n"
        "from jaxhash.grid import local; from jaxhash.grid.progress import Progress\n"
        "local.WORKER = (*local.WORKER[:3], 'tests.grid.script_worker')\n"
        "folder, text = Path(sys.argv[1]), sys.argv[2]\n"
        "local.train([small.Script(folder / n, text, ()) for n in 'ab'], 1, Progress(2, 0))\n"
    )
    text = f"import time; (folder / 'ready').touch(); time.sleep(1); {GOOD}"
    process = subprocess.Popen([sys.executable, "-c", grid, str(tmp_path), text])
    wait_for((tmp_path / "a" / "ready").exists)
    process.kill()
    process.wait()
    first = script(tmp_path, "a", text)
    assert first.state() == "running"
    wait_for(first.finished)
    time.sleep(0.5)
    assert not (tmp_path / "b").exists()


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


def test_a_folder_that_cannot_be_written_is_one_line_and_ends_the_others(tmp_path):
    (tmp_path / "file").touch()
    text = f"{PID}; import time; time.sleep(60)"
    runs = [script(tmp_path, "a", text), script(tmp_path / "file", "b")]
    with pytest.raises(UserError, match="cannot be written") as error:
        train(runs, jobs=2)
    assert "\n" not in str(error.value)
    pid = tmp_path / "a" / "pid"
    assert not pid.exists() or not os.path.exists(f"/proc/{pid.read_text()}")
