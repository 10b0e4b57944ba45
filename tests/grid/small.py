"""A config that trains within seconds, and folders that look like those of finished runs."""

import json

from jaxhash.grid.run import Run
from jaxhash.runs import workdir
from tests.report import fakes

CONFIG = '''
"""Small."""
from jaxhash import config as configs

def get_config(arg=None):
    args = configs.arguments(arg, bits=8, attention="none", scale=("small", "paper"))
    config = configs.base()
    config.name = "small"
    config.devices = 1
    config.data.update(name="digits", protocol="digits", size=16, mean=(0.5,), std=(0.5,))
    config.model.bits = args.bits
    config.model.attention.name = args.attention
    config.model.hash_norm = True
    config.model.backbone.name = "alexnet"
    config.model.backbone.alexnet.update(stem="3x3", width=4, hidden=8, pool=1)
    config.optim.lr = 1e-3
    config.train.update(batch_size=100, total_steps=200)
    config.eval.at_start = False
    config.checkpoint.update(every_steps=10, keep=1)
    return config
'''


def config(folder, name="small.py"):
    """Writes the config and returns its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CONFIG)
    return str(path)


def finish(run, **changes):
    """Gives a run results that never happened."""
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / workdir.RESULTS).write_text(json.dumps(fakes.results(**changes)))


class Script(Run):
    """A run that is a few lines of Python, which know its folder as `folder`."""

    def arguments(self):
        """Returns the lines, as `tests.grid.script_worker` takes them."""
        first = f"import pathlib; folder = pathlib.Path({str(self.folder)!r})"
        return [f"{first}\n{self.config}"]

    def command(self):
        """Returns the command that runs them in a process of its own."""
        return [*super().command()[:2], "-c", *self.arguments()]
