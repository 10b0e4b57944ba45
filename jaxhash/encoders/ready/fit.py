"""Fits the hash layer of an encoder that comes with jaxhash, and writes its file.

  python -m jaxhash.encoders.ready.fit --data-dir=~/tensorflow_datasets
  python -m jaxhash.encoders.ready.fit --data-dir=... --bits=128 --out=lite0-128.safetensors

The network computes the features of CIFAR-10's training images, ITQ finds a rotation of their
principal components (`jaxhash.shallow.itq`), and mean and directions are written as float16. The
same images, bits and seed give the same file on the same machine; on another, the last bits of a
float32 differ. docs/search.md compares this layer with others.
"""

from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from jaxhash import data
from jaxhash.cli import command_line
from jaxhash.data import loader
from jaxhash.distributed.devices import Replicas
from jaxhash.encoders import ready
from jaxhash.encoders.batches import encode
from jaxhash.encoders.steps import trunk_step
from jaxhash.models import hash_network
from jaxhash.shallow import Hyperplanes, itq


def main(arguments: list[str] | None = None) -> None:
    """Fits and writes."""
    parser = command_line.Parser("python -m jaxhash.encoders.ready.fit", description=__doc__)
    parser.add_argument("--encoder", default=ready.DEFAULT, choices=ready.NAMES)
    parser.add_argument("--bits", type=command_line.whole(1), default=256)
    parser.add_argument("--images", type=command_line.whole(2), default=5_000, help="drawn by seed")
    parser.add_argument("--seed", type=command_line.whole(0), default=0)
    parser.add_argument("--data-dir", help="folder of TFDS data sets, with CIFAR-10")
    parser.add_argument("--out", type=Path, help="by default, where jaxhash reads it")
    options = parser.parse_args(arguments)
    found = of_cifar10(options.encoder, options.images, options.seed, options.data_dir)
    write(itq.fit(found, options.bits, options.seed), options.out or ready.file(options.encoder))


def of_cifar10(name: str, images: int, seed: int, folder: str | None) -> np.ndarray:
    """Computes the features of CIFAR-10's training images: float64 [images d].

    Raises:
      UserError: the data set is absent.
    """
    network = ready.without_layer(name, bits=1)
    config = network.config.data
    config.update(name="cifar10", protocol="cifar10_official", dir=folder)
    found = data.build(config)
    drawn = np.random.default_rng(seed).permutation(found.split.train)[:images]
    return features(network, loader.select(found.pool.pixels, np.sort(drawn)))


def features(network: ready.ReadyEncoder, pixels: loader.Array) -> np.ndarray:
    """Computes what the hash layer of an encoder takes, of uint8 [n h w c]: float64 [n d]."""
    model = network.model.clone(cut=hash_network.ALL)
    replicas = Replicas()
    step = replicas.map(partial(trunk_step, model=model, augment=network.augment))
    variables = replicas.replicate(network.variables)
    return encode(step, replicas, variables, pixels, batch_size=64).astype(np.float64)


def write(planes: Hyperplanes, out: Path) -> None:
    """Writes a hash layer as float16."""
    layer = {ready.MEAN: planes.mean, ready.DIRECTIONS: planes.directions}
    save_file({name: array.astype(np.float16) for name, array in layer.items()}, out)
    print(f"{out}: {planes.directions.shape[1]} bits, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    command_line.run(main)
