"""Signals that let a run save and leave."""

import os
import signal

import pytest

from jaxhash.training.preemption import SIGNALS, Stopping


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_taken_note_of_and_the_handler_before_comes_back(number):
    before = signal.getsignal(number)
    with Stopping() as stop:
        assert stop.came == ""
        os.kill(os.getpid(), number)
        assert stop.came == signal.Signals(number).name
        assert signal.getsignal(number) == before  # a second one leaves at once
    assert signal.getsignal(number) == before


def test_slurm_announces_a_time_limit_by_a_signal_that_is_one_of_them():
    assert signal.SIGUSR2 in SIGNALS
