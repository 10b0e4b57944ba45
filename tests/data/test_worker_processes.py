"""Worker processes end when the process that started them is killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxhash.data import datasets
from tests.search.small import picture

ROOT = Path(__file__).parents[2]
START = f"""
import signal, sys
sys.path.insert(0, {str(ROOT)!r})
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it
"""
SEARCH = """
import time
from pathlib import Path
from jaxhash.search.collection.workers import decode_files
decoded = decode_files([Path("cat.png")] * 2000, 16, 3, workers=2)
next(decoded)
print("workers run", flush=True)
for _ in decoded:
    time.sleep(1)
"""
TRAINING = """
import time
from jaxhash.data import datasets, loader
pixels = datasets.load("digits", "prepared", resident_bytes=0).pixels
images = loader.read(pixels, lambda step: [step], range(1000), workers=2)
next(images)
print("workers run", flush=True)
for _ in images:
    time.sleep(1)
"""


def processes(group):
    """Lists the processes of a process group that have not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat=,pid=,args="], capture_output=True, text=True, check=True
    )
    lines = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return [rest for own, state, rest in lines if int(own) == group and not state.startswith("Z")]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("program", [SEARCH, TRAINING], ids=["search", "training"])
def test_workers_end_with_a_killed_parent(program, how, tmp_path):
    picture(0).save(tmp_path / "cat.png")
    if program == TRAINING:
        datasets.load("digits", str(tmp_path / "prepared"), resident_bytes=0)
    parent = subprocess.Popen(
        [sys.executable, "-c", START + program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert parent.stdout.readline() == "workers run\n"
        assert len(processes(parent.pid)) > 2
        parent.send_signal(how)
        assert parent.wait(timeout=30) == -how
        until = time.monotonic() + 30
        while (left := processes(parent.pid)) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == []
    finally:
        for line in processes(parent.pid):
            subprocess.run(["kill", "-9", line.split()[0]], check=False)
        parent.wait()
        parent.stdout.close()
