"""Does it pay to run several training steps in one dispatch, as a lax.scan?

  python benchmarks/steps_per_dispatch.py [--config=configs/quickstart.py] [--steps=10]

Times the same steps dispatched one by one and scanned, both in this process, three times each in
turn, and prints the ratio of the medians. Prepares the config's data set if need be.
"""

import argparse
import statistics
import time

import jax
import numpy as np

from jaxhash import config as configs
from jaxhash.data import order
from jaxhash.experiment import Experiment
from jaxhash.provenance import collect


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/quickstart.py")
    parser.add_argument("--data_dir", default=None)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    config = configs.load(arguments.config)
    config.data.dir = arguments.data_dir
    experiment = Experiment(config)
    replicas, images = experiment.replicas, experiment.images()
    size, batch = len(experiment.split.train), config.train.batch_size
    index = np.stack([order.batch(0, step, size, batch) for step in range(arguments.steps)])
    shards = [replicas.shard(rows) for rows in index]
    stacked = np.stack(shards, axis=1)

    def many(state, images, index):
        return jax.lax.scan(lambda s, i: experiment.replica_step(s, images, i), state, index)

    scanned = replicas.map(many, donate=(0,))

    def one_by_one(state):
        for shard in shards:
            state, _ = experiment.train_step(state, images, shard)
        return state

    ways = {"one by one": one_by_one, "scanned": lambda state: scanned(state, images, stacked)[0]}
    states = {name: replicas.replicate(experiment.random_state()) for name in ways}
    seconds = {name: [] for name in ways}
    for repeat in range(4):
        for name, way in ways.items():
            start = time.perf_counter()
            states[name] = jax.block_until_ready(way(states[name]))
            if repeat:  # the first includes compilation
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:12}{1000 * value / arguments.steps:8.1f} ms a step")
    print(f"scanned takes {medians['scanned'] / medians['one by one']:.2f} times as long")
    print(collect(len(replicas))["hardware"], "-", collect(len(replicas))["code"])


if __name__ == "__main__":
    main()
