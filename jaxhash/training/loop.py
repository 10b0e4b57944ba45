"""The only training loop: `train_and_evaluate`, and the evaluation of a checkpoint."""

import contextlib
import time
from collections.abc import Callable
from functools import partial

from etils import epath
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.data import summary
from jaxhash.data.features import cache
from jaxhash.distributed import processes
from jaxhash.errors import UserError
from jaxhash.runs import dataset, origin, workdir
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.dataset import Dataset
from jaxhash.runs.metrics_log import Writer, check_finite
from jaxhash.runs.origin import Origin
from jaxhash.training import extension, measurement
from jaxhash.training.experiment import Experiment
from jaxhash.training.preemption import Stopping
from jaxhash.training.progress import Progress, say
from jaxhash.training.state import TrainState

Track = Callable[[int, dict[str, float]], None]


class TrackedWriter(Writer):
    """A writer that also passes each row to another tracker of experiments."""

    def __init__(self, folder: epath.Path, step: int, track: Track | None, *, silent: bool):
        """Opens the files; `track` is called with the step and the scalars of each row."""
        super().__init__(folder, step, silent=silent)
        self._track = None if silent else track

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Writes one row."""
        super().write(step, scalars)
        if self._track:
            self._track(step, dict(scalars))


def train_and_evaluate(
    config: ConfigDict,
    folder: epath.PathLike,
    track: Track | None = None,
    *,
    extend: bool = False,
) -> dict | None:
    """Trains what a config names, measures it, and writes everything into a folder.

    Started again in the same folder, it continues from the last checkpoint, bit for bit as if it
    had not been interrupted; started after the end, it only prints the results. On SIGTERM and
    Ctrl-C it saves and returns. Several processes (`jaxhash.distributed.processes.joined`) share
    one run where each calls this with the same arguments; process 0 writes and measures for all.

    Args:
      config: as from `configs/`, or from `jaxhash.config.base()`.
      folder: the workdir: checkpoints, `config.json`, `dataset.json`, `metrics.jsonl`, `events/`,
        `results.json`, `curves.png`, `retrieval.png`, `attention.png`.
      track: called on process 0 with each row of `metrics.jsonl` when it is written, as (step,
        {name: value}): for another tracker of experiments.
      extend: whether a finished run goes on to a greater `train.total_epochs` or `total_steps`, see
        `jaxhash.training.extension`.

    Returns:
      the results, as in `results.json`; None where the run was stopped before its end, and on
      processes other than 0.

    Raises:
      UserError: the config, the data or the folder cannot be used, or training diverged.
    """
    folder = epath.Path(folder).expanduser()
    free = extension.LENGTH if extend else ()
    workdir.check(folder, config, free)
    run = extension.prepare(folder, config) if extend else origin.read(folder)
    if processes.agree(extension.finished(folder, run)):
        print(f"{folder} is finished; delete it to train again, or --extend it")
        results = extension.results(folder)
        return measurement.show(results) if results else None

    experiment = Experiment(config, run.extended)
    primary = experiment.replicas.primary
    # A checkpoint replaces pretrained weights, and those replace random ones.
    say("compiling the initial weights", silent=not primary)
    state = experiment.random_state()
    if not workdir.has_checkpoint(folder):
        state, source = experiment.pretrained(state)
        run = Origin(initialised_from=source)
    with workdir.claimed(folder, config, primary, processes.meet, free):
        dataset.hold(folder, Dataset.of(experiment.data), primary)
        _describe(experiment)
        if extend:
            extension.begin(folder, experiment, run)
        elif primary:
            origin.write(folder, run)
        with Checkpoints(folder, config.checkpoint.keep) as checkpoints:
            fresh = checkpoints.latest() is None
            if not fresh:
                state = checkpoints.restore(state)
                print(f"resumed at step {state.step} of {experiment.total_steps}")
            with Stopping() as stop, contextlib.suppress(cache.Stopped):
                experiment.keep_features(state, train=True, stopped=partial(_asked, stop))
                if experiment.fitted and fresh:
                    state = _fit(experiment, state, checkpoints)
                elif fresh:
                    state = experiment.prepare(state)
                if not experiment.fitted:
                    with TrackedWriter(
                        folder, int(state.step), track, silent=not primary
                    ) as writer:
                        state = _train(experiment, state, checkpoints, writer, stop)
        if stop.requested:
            print(f"{stop.requested}: saved; the same command continues from here")
            return None
        whole = experiment.replicas.replicate(state)
        return measurement.finish(experiment, whole, folder, pictures=config.eval.pictures)


def evaluate_checkpoint(folder: epath.PathLike, config: ConfigDict | None = None) -> dict | None:
    """Measures the last checkpoint of a run again and rewrites its results and pictures.

    A run that is not finished stays so; see `jaxhash.training.measurement.finish`.

    Args:
      folder: the workdir of the run.
      config: by default that of the run; it may differ in keys that are free to change, such as
        data.dir.

    Returns:
      the results; None on processes other than 0.

    Raises:
      UserError: the folder holds no run, another run, or no checkpoint that fits; its data are
        others than those it began with; or it cannot be written.
    """
    folder = epath.Path(folder).expanduser()
    own = configs.from_json(folder / workdir.CONFIG)
    workdir.check(folder, config or own)
    if not workdir.has_checkpoint(folder):
        raise UserError(f"{folder}: no checkpoint yet; train first with --mode=train")
    experiment = Experiment(config or own, origin.read(folder).extended)
    primary = experiment.replicas.primary
    with workdir.claimed(folder, own, primary, processes.meet):
        dataset.hold(folder, Dataset.of(experiment.data), primary)
        _describe(experiment)
        with Checkpoints(folder, experiment.config.checkpoint.keep) as checkpoints:
            state = checkpoints.restore(experiment.random_state())
        experiment.keep_features(state, train=False)
        return measurement.finish(experiment, experiment.replicas.replicate(state), folder)


def _asked(stop: Stopping) -> bool:
    """Says whether any process was asked to stop; all call this at once."""
    stop.share(processes.largest)
    return bool(stop.requested)


def _describe(experiment: Experiment) -> None:
    """Prints the splits, and what there is to know of their images."""
    data = experiment.config.data
    print(f"{data.name}, protocol {data.protocol}: {experiment.data.split}")
    print(*summary.lines(experiment.data), sep="\n")


def _fit(experiment: Experiment, state: TrainState, checkpoints: Checkpoints) -> TrainState:
    """Has a shallow method fit the hash layer, and saves the state, of step 0."""
    name = experiment.config.model.shallow.name
    say(f"fitting {name}", silent=not experiment.replicas.primary)
    state = experiment.fit(state)
    checkpoints.save(0, state)
    checkpoints.wait()
    return state


def _train(
    experiment: Experiment,
    state: TrainState,
    checkpoints: Checkpoints,
    writer: Writer,
    stop: Stopping,
) -> TrainState:
    """Runs the remaining steps, and returns the last state on the host."""
    config, replicas = experiment.config, experiment.replicas
    total, epoch = experiment.total_steps, experiment.steps_per_epoch
    save_every = configs.duration(config.checkpoint, "every", epoch)
    measure_every = configs.duration(config.eval, "every", epoch)
    start = int(state.step)
    first = replicas.replicate(processes.agree(state))
    state = experiment.without_trunk(first)

    def whole() -> TrainState:
        return experiment.with_trunk(state, first)

    def measure_if_due(step: int) -> None:
        due = measure_every and 0 < step < total and step % measure_every == 0
        due = due or (step == 0 and config.eval.at_start)
        if due and not processes.agree(writer.has(step, "eval/map")):
            say(f"measuring at step {step:,}", silent=not replicas.primary)
            _, numbers = measurement.measure(experiment, whole())
            if replicas.primary:
                writer.write(step, measurement.scalars(numbers))

    # Also where a run was killed between a checkpoint and its measurement.
    measure_if_due(start)

    clock, since = time.monotonic(), start
    with (
        Progress(start, total, epoch, silent=not replicas.primary) as progress,
        contextlib.closing(experiment.batches(start)) as batches,
    ):
        for step in range(start, total):
            state, metrics = experiment.train_step(state, next(batches))
            done = step + 1
            progress.step(done)
            checkpoints.check()
            last = done == total
            if experiment.after_epoch and (done % epoch == 0 or last):
                state = experiment.after_epoch(state)
            log = last or done % config.log.every_steps == 0
            save = last or (save_every and done % save_every == 0)
            # Several processes share signals only at steps where they wait for each other anyway.
            if log or save or replicas.processes == 1:
                stop.share(processes.largest)
                save = save or bool(stop.requested)
            if log or save:
                scalars = {name: float(value) for name, value in replicas.first(metrics).items()}
                check_finite(done, scalars, checkpoints.latest())
            if log:
                now = time.monotonic()
                rate = (done - since) * config.train.batch_size / (now - clock)
                clock, since = now, done
                row = {f"train/{name}": value for name, value in scalars.items()}
                writer.write(done, row | {"train/images_per_second": rate})
                progress.log(done, scalars["loss"], rate)
            if save:
                checkpoints.save(done, replicas.first(whole()))
            if stop.requested and not last:
                break
            before = time.monotonic()
            measure_if_due(done)
            clock += time.monotonic() - before
    checkpoints.wait()
    stop.share(processes.largest)
    return replicas.first(whole())
