"""Signals that let a run save and leave."""

import os
import signal

import pytest

from jaxhash.training.preemption import SIGNALS, WAITING, Stopping


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_taken_note_of_and_the_handler_before_comes_back(number, capfd):
    before = signal.getsignal(number)
    with Stopping() as stop:
        assert stop.came == ""
        os.kill(os.getpid(), number)
        assert stop.came == signal.Signals(number).name
        assert capfd.readouterr().err == f"{stop.came}: {WAITING}\n"
        assert signal.getsignal(number) == before  # a second one leaves at once
    assert signal.getsignal(number) == before


def test_a_stderr_that_nobody_reads_keeps_no_run_from_saving():
    reading, writing = os.pipe()
    os.close(reading)
    kept = os.dup(2)
    try:
        os.dup2(writing, 2)
        with Stopping() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(writing)
    assert stop.came == "SIGTERM"


def test_slurm_announces_a_time_limit_by_a_signal_that_is_one_of_them():
    assert signal.SIGUSR2 in SIGNALS
