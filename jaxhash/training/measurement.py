"""The results of a run: measured, written, printed and drawn."""

import json
import sys
from collections.abc import Callable
from functools import partial

import jax
import numpy as np
from etils import epath

from jaxhash.encoders import attention_maps
from jaxhash.metrics import exact, hamming, unseen
from jaxhash.metrics.evaluate import evaluate
from jaxhash.report import plots, table
from jaxhash.runs import disk, origin, provenance, workdir
from jaxhash.runs.metrics_log import read
from jaxhash.runs.results import at_start
from jaxhash.training.experiment import Encoded, Experiment
from jaxhash.training.progress import say
from jaxhash.training.state import TrainState

SHOWN_QUERIES = 10
SHOWN_HITS = 10


def measure(experiment: Experiment, state: TrainState) -> tuple[Encoded, dict]:
    """Encodes with a replicated state, and evaluates by the protocol of the experiment.

    Returns:
      the codes, and on process 0 the numbers of `jaxhash.metrics.evaluate`, with `held_out_map`
      where images are held out, `map_seen@seen` and the others of `jaxhash.metrics.unseen` where
      classes are, and with `eval.cosine` the same of features as `cosine_map`, `cosine_map_...`;
      on other processes {}.
    """
    encoded, held_out = experiment.codes(state), experiment.held_out_map(state)
    described = experiment.described(state) if experiment.config.eval.cosine else None
    if not experiment.replicas.primary:
        return encoded, {}
    bits, map_at = experiment.config.model.bits, experiment.data.protocol.map_at
    coded = (encoded.queries, encoded.database, bits)
    numbers, left_out = evaluate(*coded, map_at), experiment.data.split.unseen
    if left_out:
        by_kind = unseen.by_kind(*coded, left_out, map_at)
        numbers |= {f"map_{measure}": value for measure, value in by_kind.items()}
    if described:
        average = partial(exact.cosine_map, map_at=map_at)
        numbers["cosine_map"] = average(*described)
        by_kind = unseen.of_kinds(*described, left_out, average) if left_out else {}
        numbers |= {f"cosine_map_{measure}": value for measure, value in by_kind.items()}
    return encoded, numbers if held_out is None else numbers | {"held_out_map": held_out}


def scalars(numbers: dict) -> dict[str, float]:
    """Selects the scalars, under their names in `metrics.jsonl`."""
    kinds = (int, float)
    return {f"eval/{name}": value for name, value in numbers.items() if isinstance(value, kinds)}


def finish(
    experiment: Experiment, state: TrainState, folder: epath.Path, *, pictures: bool = True
) -> dict | None:
    """Measures a replicated state; process 0 writes results and pictures, and prints the table.

    Those of an unfinished run are in `results-STEP.json`: a run with `results.json` is finished.

    Raises:
      UserError: the results cannot be written. A picture that cannot be drawn is one line.
    """
    config, total = experiment.config, experiment.total_steps
    step = int(experiment.replicas.first(state.step))
    say("measuring", silent=not experiment.replicas.primary)
    encoded, numbers = measure(experiment, state)
    if not experiment.replicas.primary:
        return None
    came_from = origin.read(folder)._replace(extended=experiment.extended)
    described = config.to_dict()
    del described["data"]["dir"]  # a path of this machine, which may be private
    rows = read(folder)
    # metrics.jsonl may have been deleted, or begun after the start.
    first = next((row for row in rows if row.get("step") == 0), {})
    untrained = {name.removeprefix("eval/"): value for name, value in first.items()}
    pool = experiment.data.pool
    results = {
        "name": config.name,
        "dataset": config.data.name,
        "protocol": config.data.protocol,
        "split_checksum": experiment.data.split.checksum,
        "bits": config.model.bits,
        "seed": config.seed,
        "split_seed": config.data.split_seed,
        "unseen_classes": [pool.class_names[label] for label in experiment.data.split.unseen]
        or None,
        "weights": config.model.weights,
        "db_codes": encoded.db_codes,
        "encode_milliseconds_per_image": encoded.milliseconds,
        **numbers,
        "at_start": untrained if "map" in untrained else None,
        "steps": step,
        "train_images_per_second": _median_rate(rows),
        "provenance": provenance.collect(len(experiment.replicas)) | came_from.notes(),
        "config": described,
    }
    path = folder / (workdir.RESULTS if step == total else f"results-{step}.json")
    # First of all, so that nothing that comes after can cost a run its results.
    with disk.writing(folder, path):
        workdir.write(path, json.dumps(results, indent=1) + "\n")
    if step < total:
        print(f"step {step:,} of {total:,}: the run is not finished; these results are in {path}")
    show(results)
    if pictures:
        _draw(experiment, state, encoded, results, folder)
    return results


def show(results: dict) -> dict:
    """Prints the table of a finished run and returns its results."""
    start = at_start(results)
    columns = ({"at start": start} if start else {}) | {"trained": results}
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


def _median_rate(rows: list[dict]) -> float | None:
    rates = [row["train/images_per_second"] for row in rows if "train/images_per_second" in row]
    return float(np.median(rates)) if rates else None


def _draw(
    experiment: Experiment, state: TrainState, encoded: Encoded, results: dict, folder: epath.Path
) -> None:
    """Draws all pictures of a run into its folder; says in one line which one cannot be drawn."""
    pool, split = experiment.data.pool, experiment.data.split
    title = f"{results['name']}, {results['dataset']}, {results['bits']} bits"
    shown = _evenly(len(split.query), SHOWN_QUERIES)
    pixels = pool.pixels[split.query[shown]]

    def curves(path: epath.Path) -> None:
        plots.curves(path, title, {results["name"]: results})

    def attention(path: epath.Path) -> None:
        maps = experiment.attention_maps(state, pixels)
        if maps:
            attention_maps.draw(path, title, pixels, maps)

    def retrieval(path: epath.Path) -> None:
        queries = jax.tree.map(lambda x: x[shown], encoded.queries)
        distance = hamming.distances(queries.codes, encoded.database.codes)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :SHOWN_HITS]
        labels = queries.labels.astype(bool)
        hits = split.database[nearest]
        plots.retrieval(
            path,
            title,
            pixels,
            pool.pixels[hits],
            (pool.labels[hits].astype(bool) & labels[:, None]).any(axis=2),
            np.take_along_axis(distance, nearest, axis=1),
            [", ".join(np.array(pool.class_names)[row]) for row in labels],
        )

    _picture(folder / "curves.png", curves)
    _picture(folder / attention_maps.PICTURE, attention)
    _picture(folder / "retrieval.png", retrieval)


def _evenly(count: int, most: int) -> np.ndarray:
    """Returns up to `most` of the numbers below `count`, evenly spread, each once.

    >>> _evenly(2, 10).tolist(), _evenly(10, 4).tolist()
    ([0, 1], [0, 3, 6, 9])
    """
    return np.unique(np.linspace(0, count - 1, most).astype(int))


def _picture(path: epath.Path, draw: Callable[[epath.Path], None]) -> None:
    """Draws a picture; one that cannot be drawn is a line on stderr."""
    try:
        path.unlink(missing_ok=True)  # one that stays behind would be of other results
        draw(path)
    except Exception as error:
        print(
            f"jaxhash: {path}: cannot be drawn ({disk.reason(error)}); the results are whole; draw "
            "it again with --mode=evaluate",
            file=sys.stderr,
        )
