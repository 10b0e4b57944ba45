"""More steps for a finished run: `--extend`.

The schedule of the learning rate begins anew and runs once over the added steps; the weights, the
state of the optimizer and of the loss, and the order of the data go on.
"""

import json

from etils import epath
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.errors import UserError
from jaxhash.runs import disk, origin, workdir
from jaxhash.runs.origin import Origin
from jaxhash.training.experiment import Experiment

LENGTH = ("train.total_epochs", "train.total_steps")


def prepare(folder: epath.Path, config: ConfigDict) -> Origin:
    """Checks that a run can be extended by a config; changes nothing.

    Returns:
      the origin of the extended run, with the step at which it was finished as the last of
      `extended`; the origin that it has where this extension has begun before.

    Raises:
      UserError: the folder holds no finished run, or one with another config in more than length.
    """
    if not (folder / workdir.CONFIG).exists():
        raise UserError(f"workdir {folder} holds no run to extend; train first without --extend")
    kept = origin.read(folder)
    saved = configs.from_json(folder / workdir.CONFIG)
    if not configs.differences(saved, config):
        if not kept.extended:
            raise UserError(
                f"--extend: the run in {folder} has this length already; give a larger "
                "--config.train.total_epochs or --config.train.total_steps"
            )
        return kept
    step, found = max(disk.checkpoints(folder), default=0), results(folder)
    if step not in kept.extended and (found is None or found["steps"] != step):
        raise UserError(
            f"--extend: the run in {folder} is not finished, it is at step {step}; first let it "
            "end without --extend"
        )
    return kept._replace(extended=(*(s for s in kept.extended if s < step), step))


def results(folder: epath.Path) -> dict | None:
    """Reads `results.json`; None where there is none.

    Raises:
      UserError: it is damaged, or cannot be read.
    """
    path = folder / workdir.RESULTS
    try:
        found = json.loads(path.read_text())
        int(found["steps"])
        return found
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({disk.reason(error)}); allow it") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; write it again with --mode=evaluate") from None


def finished(folder: epath.Path, run: Origin) -> bool:
    """Tells whether a run has results, of its last step and not of one from which it goes on."""
    found = results(folder)
    return found is not None and found["steps"] not in run.extended


def begin(folder: epath.Path, experiment: Experiment, run: Origin) -> None:
    """Makes a finished run an unfinished, longer one; changes nothing where it is one already.

    A kill in between leaves a run that is finished, or one that can be extended.

    Raises:
      UserError: the run would not be longer, or the folder cannot be written.
    """
    step, total = run.extended[-1], experiment.total_steps
    if total <= step:
        raise UserError(
            f"--extend: train.total_epochs and total_steps give {total:,} steps, and the run in "
            f"{folder} has done {step:,}; expected more"
        )
    if not experiment.replicas.primary:
        return
    origin.write(folder, run)
    found = results(folder)
    if found is not None and found["steps"] == step:
        with disk.writing(folder, folder / workdir.RESULTS):
            (folder / workdir.RESULTS).rename(folder / f"results-{step}.json")
    with disk.writing(folder, folder / workdir.CONFIG):
        workdir.write(folder / workdir.CONFIG, configs.to_json(experiment.config))
    print(
        f"extended from step {step:,} to {total:,}: a new cycle of optim.schedule="
        f"{experiment.config.optim.schedule} over the {total - step:,} added steps"
    )
