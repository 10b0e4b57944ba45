"""EfficientNet-Lite0 in jaxhash and in PyTorch: images a second, both sides in one run.

  pip install -e '.[bench]' && pip install --no-deps efficientnet-lite-pytorch
  python benchmarks/efficientnet.py
  python benchmarks/efficientnet.py --json=efficientnet.json

The network with a hash layer of 48 bits, in batches of 32, random weights: its part behind the
eighth block on 14 x 14 maps, as `scale=lite` trains it; and the whole at 128 px. Encoding is the
forward pass in inference mode; training is the forward pass in training mode and the gradient of
all weights, without an optimizer. PyTorch runs channels-last. The two take turns, seven times;
medians count.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from jaxhash import config as configs
from jaxhash.distributed.devices import Replicas
from jaxhash.models import freezing, hash_network

BATCH, BITS, TIMES = 32, 48, 7
FIRST = 8  # block of the part that trains, from 0
WORKS = (("from block 8, 224 px", 224, "block8"), ("whole, 128 px", 128, ""))


def ours(side: int, cut: str) -> tuple[Callable, Callable]:
    """Returns functions that encode and train one batch with jaxhash."""
    config = configs.base().model
    config.backbone.name, config.bits = "efficientnet_lite0", BITS
    model = hash_network.build(config, labels=10).clone(cut=cut)
    image = np.random.RandomState(0).randn(BATCH, side, side, 3).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), image[:1])
    trained = freezing.trained(model, variables, image.shape[1:])
    kept = np.random.RandomState(1).randn(BATCH, 14, 14, 80).astype(np.float16) if cut else None
    replicas = Replicas(1)

    def encode(variables: dict, image: jax.Array, kept: jax.Array | None) -> jax.Array:
        return model.apply(variables, image, kept=kept).u

    def train(variables: dict, image: jax.Array, kept: jax.Array | None) -> tuple:
        def loss(params: dict) -> tuple:
            outputs, updated = model.apply(
                {**variables, "params": freezing.stop(trained["params"], params)},
                image,
                train=True,
                kept=kept,
                mutable=["batch_stats"],
                rngs={"dropout": jax.random.key(0)},
            )
            statistics = freezing.select(
                trained["batch_stats"], updated["batch_stats"], variables["batch_stats"]
            )
            return jnp.square(outputs.u).mean(), statistics

        return jax.grad(loss, has_aux=True)(variables["params"])

    on_device = replicas.replicate(variables), *replicas.shard((image, kept))
    steps = [replicas.map(step) for step in (encode, train)]
    first, second = (lambda s=step: jax.block_until_ready(s(*on_device)) for step in steps)
    return first, second


def theirs(side: int, cut: str) -> tuple[Callable, Callable]:
    """Returns functions that encode and train one batch with PyTorch."""
    torch.manual_seed(0)
    network = EfficientNet.from_name("efficientnet-lite0").to(memory_format=torch.channels_last)
    blocks = network._blocks[FIRST:] if cut else network._blocks
    layer = nn.Linear(1280, BITS)
    shape = (BATCH, 80, 14, 14) if cut else (BATCH, 3, side, side)
    x = torch.randn(shape).to(memory_format=torch.channels_last)

    def forward() -> torch.Tensor:
        y = x if cut else network._swish(network._bn0(network._conv_stem(x)))
        start = FIRST if cut else 0
        for number, block in enumerate(blocks, start):
            y = block(y, drop_connect_rate=0.2 * number / len(network._blocks))
        y = network._swish(network._bn1(network._conv_head(y)))
        return layer(y.mean((2, 3)))

    def encode() -> None:
        network.eval()
        with torch.inference_mode():
            forward()

    def train() -> None:
        network.train()
        network.zero_grad()
        layer.zero_grad()
        forward().square().mean().backward()

    return encode, train


def measure(functions: list[Callable]) -> list[float]:
    """Returns images a second of each function; they take turns."""
    for function in functions:
        function()  # compiles
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(TIMES):
        for function, own in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return [BATCH / statistics.median(own) for own in seconds]


def main() -> None:
    """Prints a line for each comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="PATH", help="where to write the numbers too")
    path = parser.parse_args().json
    device = jax.local_devices()[0].device_kind
    about = {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "hardware": f"{device}, {platform.machine()}, {os.cpu_count()} cores",
        "batch": BATCH,
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    rows = []
    for title, side, cut in WORKS:
        for kind, mine, other in zip(
            ("encoding", "training"), ours(side, cut), theirs(side, cut), strict=True
        ):
            rate, peer = measure([mine, other])
            rows.append({"work": title, "kind": kind, "jaxhash": rate, "pytorch": peer})
            print(
                f"{title}, {kind}: jaxhash {rate:.0f} images/s, PyTorch {peer:.0f}, ratio "
                f"{rate / peer:.2f}",
                flush=True,
            )
    if path:
        Path(path).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
