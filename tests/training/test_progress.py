"""What training prints while it goes, on a terminal and elsewhere."""

import io
import sys

import pytest

from jaxhash.training import progress
from jaxhash.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def train(clock, steps, seconds=4.0, total=20, **options):
    """Ten seconds of compilation with the first step, then steps of equal length."""
    with Progress(0, total, epoch=10, **options) as shown:
        for done in range(1, steps + 1):
            clock[0] += 10 if done == 1 else seconds
            shown.step(done)
            shown.log(done, 1 / done, 1234.4)


def test_elsewhere_a_line_comes_every_ten_seconds(clock, capsys):
    train(clock, steps=20)
    out, lines = capsys.readouterr()
    lines = lines.splitlines()
    assert out == ""
    assert lines[:3] == [
        "compiling the training step",
        "compiled in 10 s",
        "step 1 of 20 (5 %), epoch 0.1, loss 1.0000, 1,234 images/s",
    ]
    # Three steps of four seconds later; the time left is estimated without the compilation.
    assert lines[3] == "step 4 of 20 (20 %), epoch 0.4, loss 0.2500, 1,234 images/s, 01:04 left"
    assert [line.split()[1] for line in lines[3:]] == ["4", "7", "10", "13", "16", "19", "20"]
    assert lines[-1] == "step 20 of 20 (100 %), epoch 2.0, loss 0.0500, 1,234 images/s"


def test_quick_steps_print_their_last_line_alone(clock, capsys):
    train(clock, steps=20, seconds=0.01)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["1", "20"]


def test_on_a_terminal_the_bar_moves_and_shows_the_loss(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(clock, steps=10)
    text = terminal.getvalue()
    assert "compiling the training step\n" in text and "compiled in 10 s\n" in text
    assert "images/s, " not in text  # no lines beside the bar
    assert " 50 %|" in text and "loss=0.1000" in text and "10/20" in text


def test_a_silent_process_prints_nothing(clock, capsys):
    train(clock, steps=20, silent=True)
    assert capsys.readouterr() == ("", "")
