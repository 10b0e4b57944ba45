"""What was acknowledged survives kills at random moments."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_nothing_that_was_acknowledged_is_lost(tmp_path):
    """`python -m tests.search.kills` does the same for longer."""
    command = [sys.executable, "-m", "tests.search.kills", tmp_path, "12", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "12 kills, seed 0, in" in done.stdout
