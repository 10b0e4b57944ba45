"""Encoding photographs from files: what part is decoding, and whether it overlaps the network.

  pip install -e '.[bench]'
  python benchmarks/reading.py
  python benchmarks/reading.py --photographs=200 --side=1000 --json=reading.json

Ten photographs, enlarged to `--side` by three quarters of it with a camera's noise, as JPEG of
quality 90 (3 to 4 MB each at 4,000 px), by the encoder lite0. Images a second of: decoding in full,
and decoding as the index does (large JPEGs at a part of their size), by the worker processes alone;
the network alone; and `index`, decoding, network and storing together. `bound` is what two parts
can reach that share the processors, each of them fully used: 1 / (1 / decoding + 1 / network). With
an accelerator the bound is the slower of the two.
"""

import argparse
import io
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import jax
import numpy as np
from photographs import photographs
from PIL import Image

from jaxhash.data.images import decoder
from jaxhash.encoders import ready
from jaxhash.encoders.batches import compiled
from jaxhash.search.collection import sources, workers
from jaxhash.search.collection.collect import collect
from jaxhash.search.index.embedded import Embedded

NOISE, QUALITY, BATCH = 6.0, 90, 64


def write(folder: Path, count: int, side: int) -> float:
    """Writes photographs as files, and returns their mean size in MB."""
    draw = np.random.default_rng(0)
    contents = []
    for image in photographs().values():
        size = (side, side * 3 // 4)
        pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
        noisy = pixels + draw.normal(0, NOISE, (*pixels.shape[:2], 1))
        buffer = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
        contents.append(buffer.getvalue())
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(contents[number % len(contents)])
    return sum(map(len, contents)) / len(contents) / 1e6


def rate(done: Iterable[int]) -> float:
    """Returns images a second after the first step; `done` yields the images of each step.

    So the start of worker processes, which import this file, does not count.
    """
    steps = iter(done)
    next(steps)
    began = time.perf_counter()
    count = sum(steps)
    return count / (time.perf_counter() - began)


def main() -> None:
    """Measures, and prints a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=int, default=400)
    parser.add_argument("--side", type=int, default=4_000, help="width in pixels")
    parser.add_argument("--json", help="file to write too")
    options = parser.parse_args()
    encoder = ready.open_ready()
    encode = compiled(encoder, BATCH)
    size, count = encoder.size, options.photographs
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "photographs")
        folder.mkdir()
        megabytes = write(folder, count, options.side)
        paths = sorted(folder.iterdir())
        shape = (size, size, 3)
        single = rate(
            len(decoder.to_array(decoder.read(path), shape)) // size for path in paths[: count // 8]
        )
        reduced = rate(len(decoder.decode(path, shape)) // size for path in paths[: count // 4])
        alone = rate(len(array) // size for array in workers.decode_files(paths, size, 3, 0))
        pixels = np.stack([workers.decode_file(path, size, 3) for path in paths[:BATCH]])
        network = rate(len(encode(pixels)) for _ in range(1 + count // BATCH))
        index = Embedded(Path(home, "index"), encoder.bits, "benchmark")
        times = []

        def timed(pixels: np.ndarray) -> np.ndarray:
            codes = encode(pixels)
            times.append((time.perf_counter(), len(pixels)))
            return codes

        origin = sources.find(str(folder))
        collect(origin, "p", index, timed, size=size, channels=3, batch_size=BATCH)
        together = sum(many for _, many in times[1:]) / (time.perf_counter() - times[0][0])
        index.close()
    found = {
        "photographs": count,
        "pixels": f"{options.side} x {options.side * 3 // 4}, {megabytes:.1f} MB",
        "decoding in full, one process": single,
        "decoding, one process": reduced,
        "decoding, all processes": alone,
        "network": network,
        "index": together,
        "bound": 1 / (1 / alone + 1 / network),
        "share of decoding": (1 / alone) / (1 / alone + 1 / network),
        "hardware": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}, "
        f"{jax.devices()[0].device_kind}",
    }
    for name, value in found.items():
        print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
