"""The only training loop. Read `train_and_evaluate` from top to bottom: it is the whole story."""

import json
import sys
import time

import jax
import numpy as np
from etils import epath
from ml_collections import ConfigDict
from tqdm import tqdm

from jaxhash import config as configs
from jaxhash.data import summary
from jaxhash.distributed import processes
from jaxhash.encoders import attention_maps
from jaxhash.errors import UserError
from jaxhash.metrics import hamming
from jaxhash.metrics.evaluate import evaluate
from jaxhash.report import plots, table
from jaxhash.runs import provenance, workdir
from jaxhash.runs.checkpoints import Checkpoints
from jaxhash.runs.metrics_log import Writer, check_finite, read
from jaxhash.training.experiment import Encoded, Experiment
from jaxhash.training.preemption import Stopping
from jaxhash.training.state import TrainState

SHOWN_QUERIES = 10
SHOWN_HITS = 10


def train_and_evaluate(config: ConfigDict, folder: epath.PathLike) -> dict | None:
    """Trains what a config names, measures it, and leaves everything in a folder.

    Started again in the same folder it goes on where it was, and gives bit for bit what it would
    have given; started after the end it only shows the results. SIGTERM and Ctrl-C save and return.
    Several processes (`jaxhash.distributed.processes.joined`) share one run where each calls this
    with the same arguments; process 0 writes and measures for all.

    Args:
      config: as from `configs/`, or from `jaxhash.config.base()`.
      folder: the workdir: checkpoints, `config.json`, `metrics.jsonl`, `events/`, `results.json`,
        `curves.png`, `retrieval.png`, `attention.png`.

    Returns:
      the results, as in `results.json`; None where the run was stopped before its end, and on
      processes other than 0.

    Raises:
      UserError: the config, the data or the folder cannot be used, or training diverged.
    """
    folder = epath.Path(folder).expanduser()
    workdir.check(folder, config)
    if processes.agree((folder / workdir.RESULTS).exists()):
        print(f"{folder} is finished; delete it to train again")
        return show(json.loads((folder / workdir.RESULTS).read_text()))

    experiment = Experiment(config)
    primary = experiment.replicas.primary
    # Where there is a checkpoint it wins over pretrained weights, and those over random ones.
    state = experiment.random_state()
    if not workdir.has_checkpoint(folder):
        state = experiment.pretrained(state)
    with workdir.claimed(folder, config, primary, processes.meet):
        print(f"{config.data.name}, protocol {config.data.protocol}: {experiment.data.split}")
        print(*summary.lines(experiment.data), sep="\n")
        with Checkpoints(folder, config.checkpoint.keep) as checkpoints, Stopping() as stop:
            if checkpoints.latest() is not None:
                state = checkpoints.restore(state)
                print(f"resumed at step {state.step} of {experiment.total_steps}")
            with Writer(folder, int(state.step), silent=not primary) as writer:
                state = _train(experiment, state, checkpoints, writer, stop)
        if stop.requested:
            print(f"{stop.requested}: saved; the same command goes on from here")
            return None
        return finish(experiment, experiment.replicas.replicate(state), folder)


def evaluate_checkpoint(folder: epath.PathLike, config: ConfigDict | None = None) -> dict | None:
    """Measures the last checkpoint of a run again and rewrites its results and pictures.

    Args:
      folder: the workdir of the run.
      config: the run's own unless given; it may differ in what is free to change, such as where
        the data lie.

    Returns:
      the results; None on processes other than 0.

    Raises:
      UserError: the folder holds no run, another run, or no checkpoint that fits.
    """
    folder = epath.Path(folder).expanduser()
    own = configs.from_json(folder / workdir.CONFIG)
    if config is not None:
        workdir.check(folder, config)
    if not workdir.has_checkpoint(folder):
        raise UserError(f"{folder}: no checkpoint yet; train first with --mode=train")
    experiment = Experiment(config or own)
    with workdir.claimed(folder, own, experiment.replicas.primary, processes.meet):
        with Checkpoints(folder, experiment.config.checkpoint.keep) as checkpoints:
            state = checkpoints.restore(experiment.random_state())
        return finish(experiment, experiment.replicas.replicate(state), folder)


def _train(
    experiment: Experiment,
    state: TrainState,
    checkpoints: Checkpoints,
    writer: Writer,
    stop: Stopping,
) -> TrainState:
    """Runs the steps that are left, and returns the last state on the host."""
    config, replicas = experiment.config, experiment.replicas
    total, epoch = experiment.total_steps, experiment.steps_per_epoch
    save_every = configs.duration(config.checkpoint, "every", epoch)
    measure_every = configs.duration(config.eval, "every", epoch)
    start = int(state.step)
    state = replicas.replicate(processes.agree(state))

    def measure_if_due(step: int) -> None:
        due = measure_every and 0 < step < total and step % measure_every == 0
        due = due or (step == 0 and config.eval.at_start)
        if due and not processes.agree(writer.has(step, "eval/map")):
            encoded = experiment.codes(state)
            if replicas.primary:
                writer.write(step, _scalars(measure(experiment, encoded)))

    measure_if_due(start)  # a run that was cut between a checkpoint and its measurement

    progress = tqdm(
        range(start, total),
        "train",
        initial=start,
        total=total,
        mininterval=0.2 if sys.stderr.isatty() else 30,
        disable=not replicas.primary,
    )
    clock, since = time.monotonic(), start
    batches = experiment.batches(start)
    for step in progress:
        state, metrics = experiment.train_step(state, next(batches))
        done = step + 1
        if experiment.after_epoch and done % epoch == 0:
            state = experiment.after_epoch(state)
        last = done == total
        log = last or done % config.log.every_steps == 0
        save = last or (save_every and done % save_every == 0)
        # Several processes talk of stopping only where they wait for each other anyhow.
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
            progress.set_postfix(loss=f"{scalars['loss']:.4f}", epoch=f"{done / epoch:.1f}")
        if save:
            checkpoints.save(done, replicas.first(state))
        if stop.requested and not last:
            break
        before = time.monotonic()
        measure_if_due(done)
        clock += time.monotonic() - before
    progress.close()
    batches.close()
    checkpoints.wait()
    stop.share(processes.largest)
    return replicas.first(state)


def measure(experiment: Experiment, encoded: Encoded) -> dict:
    """Evaluates codes by the protocol of the experiment."""
    bits, map_at = experiment.config.model.bits, experiment.data.protocol.map_at
    return evaluate(encoded.queries, encoded.database, bits, map_at)


def finish(experiment: Experiment, state: TrainState, folder: epath.Path) -> dict | None:
    """Measures a replicated state; the primary process writes results and pictures, and shows."""
    config = experiment.config
    encoded = experiment.codes(state)
    if not experiment.replicas.primary:
        return None
    described = config.to_dict()
    del described["data"]["dir"]  # where the images lay is nobody else's business
    rows = read(folder)
    first = rows[0] if rows else {}  # somebody may have deleted metrics.jsonl
    at_start = {name.removeprefix("eval/"): value for name, value in first.items()}
    results = {
        "name": config.name,
        "dataset": config.data.name,
        "protocol": config.data.protocol,
        "split_checksum": experiment.data.split.checksum,
        "bits": config.model.bits,
        "seed": config.seed,
        "weights": config.model.weights,
        "db_codes": encoded.db_codes,
        "encode_milliseconds_per_image": encoded.milliseconds,
        **measure(experiment, encoded),
        "at_start": at_start if "map" in at_start else None,
        "steps": experiment.total_steps,
        "train_images_per_second": _median_rate(rows),
        "provenance": provenance.collect(len(experiment.replicas)),
        "config": described,
    }
    _draw(experiment, state, encoded, results, folder)
    # Last, because a run with results counts as finished.
    workdir.write(folder / workdir.RESULTS, json.dumps(results, indent=1) + "\n")
    return show(results)


def show(results: dict) -> dict:
    """Prints the table of a finished run and returns its results."""
    columns = {"at start": results["at_start"]} if results["at_start"] else {}
    columns["trained"] = results
    print(
        f"\n{results['name']} on {results['dataset']}: {results['bits']} bits, protocol "
        f"{results['protocol']}, seed {results['seed']}, weights {results['weights']}"
    )
    print(table.compare(columns))
    ratios = sorted(table.ratio(share) for share in results["bit_balance"])
    print(
        f"ones to zeros, by bit: {ratios[0]:.2f} to {ratios[-1]:.2f}, "
        f"median {ratios[len(ratios) // 2]:.2f}"
    )
    pace = results.get("encode_milliseconds_per_image")
    if pace:
        print(f"encoding: {pace:.3f} ms an image, {results['provenance']['hardware']}")
    return results


def _scalars(numbers: dict) -> dict[str, float]:
    """Keeps what a row of `metrics.jsonl` can hold."""
    kinds = (int, float)
    return {f"eval/{name}": value for name, value in numbers.items() if isinstance(value, kinds)}


def _median_rate(rows: list[dict]) -> float | None:
    rates = [row["train/images_per_second"] for row in rows if "train/images_per_second" in row]
    return float(np.median(rates)) if rates else None


def _draw(
    experiment: Experiment, state: TrainState, encoded: Encoded, results: dict, folder: epath.Path
) -> None:
    pool, split = experiment.data.pool, experiment.data.split
    title = f"{results['name']}, {results['dataset']}, {results['bits']} bits"
    plots.curves(folder / "curves.png", title, {results["name"]: results})
    shown = np.linspace(0, len(split.query) - 1, SHOWN_QUERIES).astype(int)
    queries = jax.tree.map(lambda x: x[shown], encoded.queries)
    distance = hamming.distances(queries.codes, encoded.database.codes)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :SHOWN_HITS]
    labels = queries.labels.astype(bool)
    hits = split.database[nearest]
    maps = experiment.attention_maps(state, pool.pixels[split.query[shown]])
    if maps:
        attention_maps.draw(
            folder / attention_maps.PICTURE, title, pool.pixels[split.query[shown]], maps
        )
    plots.retrieval(
        folder / "retrieval.png",
        title,
        pool.pixels[split.query[shown]],
        pool.pixels[hits],
        (pool.labels[hits].astype(bool) & labels[:, None]).any(axis=2),
        np.take_along_axis(distance, nearest, axis=1),
        [", ".join(np.array(pool.class_names)[row]) for row in labels],
    )
