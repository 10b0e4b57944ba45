"""`python -m jaxhash.main` with the tests' backbone, and a fault.

FAULT=KILL@5 sends this process SIGKILL at its fifth step; FAULT=FAIL@5 raises a UserError there.
AFTER names a path that must exist before the fault: a checkpoint is written in the background.
With AGAIN=1 a run that was stopped is continued by the same process. Pictures are not drawn.
"""

import os
import signal
import time
from pathlib import Path

from jaxhash import main
from jaxhash.data import sampler
from jaxhash.errors import UserError
from jaxhash.models import backbones
from jaxhash.training import loop, measurement
from tests.training import small


def begin():
    """Sets up the fault, and runs the command."""
    backbones.__path__.append(str(small.BACKBONES))
    measurement._draw = lambda *arguments: None
    name, _, number = os.environ.get("FAULT", "NONE@0").partition("@")
    shuffled, steps = sampler.shuffled, []

    def faulty(*arguments):
        steps.append(arguments)
        if len(steps) == int(number):
            while "AFTER" in os.environ and not Path(os.environ["AFTER"]).exists():
                time.sleep(0.05)
            if name == "FAIL":
                raise UserError("image 7 is damaged")
            os.kill(os.getpid(), signal.Signals[f"SIG{name}"])
        return shuffled(*arguments)

    sampler.shuffled = faulty
    if "AGAIN" in os.environ:
        train = loop.train_and_evaluate

        def again(*arguments, **options):
            return train(*arguments, **options) or train(*arguments, **options)

        loop.train_and_evaluate = again
    main.run()


if __name__ == "__main__":
    begin()
