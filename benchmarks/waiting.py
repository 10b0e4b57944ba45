"""What part of training is spent on waiting for images.

  pip install -e '.[bench]'
  python benchmarks/waiting.py --json=waiting.json
  python benchmarks/waiting.py --data-dir=~/tensorflow_datasets      with CIFAR-10 too

In each step: the time until its images are on the device, as a share of the whole. Where images are
decoded by the processors that train, they also take time from the network: this shows in the images
a second of training as it is, and with one batch again and again, which reads nothing. Measured for
sets that live on the device (the digits in `configs/quickstart.py`, CIFAR-10 in
`configs/record.py`) and for files that are decoded as they are needed: JPEGs of 500 x 375 pixels
for `configs/dhida.py`, ResNet18 at 224 px.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import process
from ml_collections import ConfigDict
from photographs import photographs
from PIL import Image

from jaxhash import config as configs
from jaxhash.runs import provenance
from jaxhash.training.experiment import Experiment

CLASSES, FILES = 4, 800
SKIPPED = 12  # steps: the first compiles, and others take what was read ahead meanwhile


def resident(data_dir: str | None) -> Iterator[tuple[str, ConfigDict]]:
    """Yields the configs whose images live on the device."""
    yield "digits, 16 px, on the device", configs.load("configs/quickstart.py")
    if data_dir:
        config = configs.load("configs/record.py")
        config.data.dir = data_dir
        yield "CIFAR-10, 32 px, on the device", config


def streamed(folder: Path) -> tuple[str, ConfigDict]:
    """Writes JPEGs to a folder, and returns a config that reads them as they are needed."""
    pictures = [
        np.asarray(image.resize((500, 375), Image.Resampling.BICUBIC), np.float32)
        for image in photographs().values()
    ]
    draw = np.random.default_rng(0)
    for number in range(FILES):
        noisy = pictures[number % len(pictures)] + draw.normal(0, 6, (375, 500, 1))
        path = folder / str(number % CLASSES) / f"{number:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    config = configs.load("configs/dhida.py:dataset=folder")
    config.data.update(dir=str(folder), stream="always")
    config.model.weights = "none"
    config.train.batch_size = 32
    return f"{FILES} JPEGs of 500 x 375, 224 px, decoded as needed", config


def measure(config: ConfigDict, seconds: float) -> dict[str, float]:
    """Trains; returns images a second of each kind, and the share of waiting in the first.

    Args:
      config: of the run.
      seconds: of training as it is, and about as long with one batch.
    """
    config.train.update(total_epochs=0.0, total_steps=1_000_000)
    experiment = Experiment(config)
    state = experiment.replicas.replicate(experiment.random_state())
    waited, real = [], []
    with contextlib.closing(experiment.batches(0)) as batches:
        while sum(real[SKIPPED:]) < seconds:
            start = time.perf_counter()
            batch = jax.block_until_ready(next(batches))
            waited.append(time.perf_counter() - start)
            state = jax.block_until_ready(experiment.train_step(state, batch)[0])
            real.append(time.perf_counter() - start)
    waited, real = waited[SKIPPED:], real[SKIPPED:]
    start = time.perf_counter()
    for _ in real:
        state = jax.block_until_ready(experiment.train_step(state, batch)[0])
    same = time.perf_counter() - start
    images = len(real) * config.train.batch_size
    return {"real": images / sum(real), "same": images / same, "share": sum(waited) / sum(real)}


def main() -> None:
    """Prints a row for each config."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="folder of TFDS data sets, with CIFAR-10")
    parser.add_argument("--seconds", type=float, default=60, help="of training, for each kind")
    parser.add_argument("--json", metavar="PATH", help="where to write the numbers too")
    options = parser.parse_args()
    process.prepare()
    rows = {}
    print("| images | images/s | with one batch | waiting |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for title, config in (*resident(options.data_dir), streamed(Path(folder))):
            row = rows[title] = measure(config, options.seconds)
            cells = f"{row['real']:,.0f} | {row['same']:,.0f} | {100 * row['share']:.2f} %"
            print(f"| {title} | {cells} |", flush=True)
    if options.json:
        about = provenance.collect(len(jax.local_devices()))
        Path(options.json).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
