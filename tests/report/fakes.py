"""Runs that never happened, measured by the real evaluator on random codes, for tests alone."""

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from jaxhash.metrics.evaluate import evaluate
from jaxhash.metrics.hamming import Coded

CLASSES = 5


def results(name="dhida-small", bits=16, seed=0, noise=0.25, **changes) -> dict:
    """Returns what `results.json` of a run could hold, keys in their order."""
    random = np.random.RandomState(seed + bits)
    centres = random.rand(CLASSES, bits) < 0.5

    def coded(count: int) -> Coded:
        labels = random.randint(CLASSES, size=count)
        wrong = random.rand(count, bits) < noise
        return Coded(
            np.packbits(centres[labels] ^ wrong, axis=1), np.eye(CLASSES, dtype=np.uint8)[labels]
        )

    return {
        "name": name,
        "dataset": "cifar10",
        "protocol": "cifar10_54k",
        "split_checksum": f"{seed:016x}",
        "bits": bits,
        "seed": seed,
        "weights": "none",
        "db_codes": "network",
        "encode_milliseconds_per_image": 0.5,
        **evaluate(coded(20), coded(300), bits),
        "at_start": {"step": 0, "map": 0.2},
        "steps": 400,
        "train_images_per_second": 200.0,
        "provenance": {
            "code": "0.1.0+0123456789ab",
            "hardware": "1 x cpu (pretended)",
            "python": "3.11.7",
            "packages": {"jax": "0.10.2", "flax": "0.12.8"},
            "date": "2026-01-01T00:00:00+00:00",
        },
        "config": {
            "name": name,
            "seed": seed,
            "loss": {"name": "dhida", "dhida": {"gamma": 0.1}, "adh": {"eta": 0.1}},
            "model": {"bits": bits, "attention": {"name": "ida", "nodes": ["stage4"]}},
            "optim": {"lr": 1e-3},
        },
    } | changes


def workdir(folder: Path, numbers: dict) -> Path:
    """Fills a folder as a finished run does."""
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(numbers))
    rows = [
        {"step": step, "train/loss": 0.7 * math.exp(-step / 300), "eval/map": step / 1000}
        for step in range(10, numbers["steps"], 10)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pixels = np.random.RandomState(0).randint(256, size=(60, 90, 3)).astype(np.uint8)
    for name in ("retrieval.png", "attention.png"):
        Image.fromarray(pixels).save(folder / name)
    return folder
