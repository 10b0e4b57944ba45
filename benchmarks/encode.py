"""How fast networks encode: images a second on the devices at hand, with random weights.

  python benchmarks/encode.py                                    the five systems, as published
  python benchmarks/encode.py configs/dhida.py:scale=small --batch-size=256

Images are random and in memory: this is the network alone, augmentation and packing included,
without reading or decoding a file.
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash import config as configs
from jaxhash.data import augment as augmentation
from jaxhash.encoders.batches import compiled
from jaxhash.encoders.encoder import Encoder
from jaxhash.models import hash_network

SYSTEMS = ("adh", "dah", "dhida", "hrmpa", "triplet_greedy")
TIMES = 5


def main() -> None:
    """Prints a row for each config."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="*", default=[f"configs/{s}.py" for s in SYSTEMS])
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    devices = jax.local_devices()
    print(f"{len(devices)} x {devices[0].device_kind}, batches of {options.batch_size}\n")
    print("| config | input | compiled in, s | images a second |")
    print("|---|---|---|---|")
    for path in options.configs:
        compilation, rate, side = measure(path, options.batch_size)
        print(f"| `{path}` | {side} px | {compilation:.1f} | {rate:.1f} |", flush=True)


def measure(path: str, batch_size: int) -> tuple[float, float, int]:
    """Returns the seconds of the first call, images a second of later ones, and the input's side.

    The rate is that of the median of `TIMES` calls.
    """
    encode, pixels = encoder(path, batch_size)
    seconds = []
    for _ in range(1 + TIMES):
        start = time.perf_counter()
        encode(pixels)
        seconds.append(time.perf_counter() - start)
    first, *later = seconds
    return first, batch_size / float(np.median(later)), pixels.shape[1]


def encoder(path: str, batch_size: int) -> tuple[Callable, np.ndarray]:
    """Returns the encoder of a config, with random weights, and a batch of random images."""
    config = configs.load(path)
    network = hash_network.build(config.model, labels=10)
    size, channels = config.data.size, len(config.data.mean)
    blank = jnp.zeros((1, size, size, channels))
    variables = jax.device_get(jax.jit(network.init)(jax.random.key(0), blank))
    encode = compiled(
        Encoder(config, network, variables, augmentation.build(config.data), step=0), batch_size
    )
    pixels = np.random.RandomState(0).randint(
        0, 256, (batch_size, size, size, channels), dtype=np.uint8
    )
    return encode, pixels


if __name__ == "__main__":
    main()
