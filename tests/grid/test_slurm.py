"""The way through submitit: its local executor in place of SLURM, scripts in place of trainings."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from jaxhash.errors import UserError
from jaxhash.grid import slurm
from jaxhash.grid.progress import Progress
from tests.grid import small
from tests.grid.test_local import BAD, GOOD, script, wait_for

# submitit's local executor lets go of the processes that it starts.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(slurm, "POLL", 0.2)


def train(runs, folder, queued, **more):
    with Progress(len(runs), 0) as progress:
        slurm.train(runs, slurm.Options(**more), folder, progress, "local", queued)
    return progress.failures


def alive(folder):
    """Says which of submitit's local jobs have not ended: their ids are those of processes."""

    def queued():
        path = folder / slurm.SUBMITTED
        ids = json.loads(path.read_text()).values() if path.exists() else ()
        return {job for job in ids if not list(folder.glob(f"{job}_*_result.pkl"))}

    return queued


def test_runs_are_submitted_watched_and_told(tmp_path, capsys):
    runs = [script(tmp_path / "runs", "a"), script(tmp_path / "runs", "b", BAD)]
    (failure,) = train(runs, tmp_path / "slurm", alive(tmp_path / "slurm"))
    assert failure.run == runs[1] and failure.why == "jaxhash: the last line"
    assert runs[0].finished()
    out = capsys.readouterr().out
    assert "2 runs submitted, 0 were in the queue" in out and "done: a: mAP 0.5000" in out


def test_what_is_in_the_queue_is_not_submitted_again(tmp_path, capsys):
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / slurm.SUBMITTED).write_text('{"a": "7_0", "b": "7_1"}')
    runs = [script(tmp_path, "a")]
    small.finish(runs[0])
    assert train(runs, folder, lambda: {"7_0", "9"}) == []
    assert "0 runs submitted, 1 were in the queue" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir() if path.name != "lock"] == [slurm.SUBMITTED]


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_a_damaged_list_of_jobs_is_one_line(tmp_path, text):
    (tmp_path / slurm.SUBMITTED).write_text(text)
    with pytest.raises(UserError, match=r"submitted\.json: damaged .* scancel, delete the file"):
        train([script(tmp_path, "a")], tmp_path, set)
    assert (tmp_path / slurm.SUBMITTED).read_text() == text


def test_a_queue_that_does_not_answer_is_asked_again(tmp_path):
    folder, answers = tmp_path / "slurm", [None] * 20
    run = script(tmp_path, "a", f"import time; time.sleep(0.5); {GOOD}")
    assert train([run], folder, lambda: answers.pop() if answers else alive(folder)()) == []


JOB = """
import os, pathlib, signal, sys
from jaxhash.grid import slurm
from tests.grid.test_slurm import SAVES
from tests.grid.test_local import script

run = script(pathlib.Path(sys.argv[1]), "a", SAVES)
job = slurm.Job(run)
seen = []

def limit(*_):
    again = job.checkpoint()
    seen.append(again.function.run == run and (run.folder / "saved").exists())

signal.signal(signal.SIGUSR2, limit)
print(job(), seen)
"""
SAVES = """
import signal, time

def save(*_):
    time.sleep(0.5)
    (folder / "saved").touch()
    exit(0)

signal.signal(signal.SIGUSR2, save)
(folder / "ready").touch()
time.sleep(60)
"""


def test_a_job_waits_for_its_run_to_save_before_it_is_queued_again(tmp_path):
    """As submitit does on the signal ahead of the time limit: `checkpoint` amid `__call__`."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for((tmp_path / "a" / "ready").exists)
    os.killpg(process.pid, signal.SIGUSR2)  # SLURM signals every process of a job
    assert process.communicate()[0] == "stopped before its end [True]\n"


def test_what_a_job_asks_for():
    options = slurm.Options("gpu", 90, gpus=2, at_once=4, more={"account": "me"})
    assert options.parameters() == {
        "name": "jaxhash-grid",
        "timeout_min": 90,
        "gpus_per_node": 2,
        "slurm_partition": "gpu",
        "slurm_array_parallelism": 4,
        "slurm_additional_parameters": {"account": "me"},
    }


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Commands that take what SLURM's do: an array of one job that was accepted."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(f"#!/bin/sh\ncp $1 {tmp_path}/asked\necho job 12\n")
    (folder / "squeue").write_text("#!/bin/sh\necho 12_0; echo 12_1\n")
    (folder / "srun").write_text("#!/bin/sh\n")
    for path in folder.iterdir():
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_several_runs_are_one_array(tmp_path, cluster):
    runs = [script(tmp_path, "a"), script(tmp_path, "b")]
    ids = slurm._submit(runs, slurm.Options(minutes=30, at_once=1), tmp_path / "slurm", "slurm")
    assert ids == {"a": "12_0", "b": "12_1"} and slurm._squeue() == {"12_0", "12_1"}
    asked = (tmp_path / "asked").read_text()
    assert "--array=0-1%1" in asked and "--time=30" in asked and "--signal=USR2@90" in asked


def test_what_slurm_refuses_is_told_in_one_line(tmp_path, cluster):
    (cluster / "sbatch").write_text("#!/bin/sh\necho invalid partition specified >&2; exit 1\n")
    with pytest.raises(UserError, match="^--slurm: nothing submitted: .*invalid partition"):
        slurm._submit([script(tmp_path, "a")], slurm.Options(), tmp_path / "slurm", "slurm")


def test_without_slurm_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="squeue is not installed"):
        train([script(tmp_path, "a")], tmp_path / "slurm", slurm._squeue)
