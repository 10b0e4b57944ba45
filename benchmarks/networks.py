"""Networks in jaxhash and in PyTorch: images a second, both sides in one run.

  pip install -e '.[bench]'
  python benchmarks/networks.py
  python benchmarks/networks.py --only=lite0 --json=networks.json

Networks with a hash layer of 48 bits, random weights, float32. Encoding is the forward pass in
inference mode; training is the forward pass in training mode and the gradient of all weights,
without an optimizer. Both keep the memory of a step for the next, and jaxhash makes two devices of
a CPU, as its commands do (`jaxhash.cli`). PyTorch runs channels-last, the networks of timm, which
have no attention: where jaxhash's have one, that is in PyTorch's favour. DAH's network is compared
with itself too, with XLA's grouped convolutions. The sides take turns, seven times; medians count.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import process
import timm
import torch
from torch import nn

from jaxhash import config as configs
from jaxhash.distributed import devices
from jaxhash.distributed.devices import Replicas
from jaxhash.models import depthwise, freezing, hash_network
from jaxhash.models.backbones import resnet30

BITS, TIMES = 48, 7
Steps = tuple[Callable[[], object], Callable[[], object]]  # that encode, and train, one batch


class Work(NamedTuple):
    """A comparison.

    title: what is compared. config: of jaxhash's network. size: of its images, in pixels. batch:
    images a step. peer: makes PyTorch's network, of [b 3 size size] or of what comes at the cut.
    cut: the node up to which the network is left out.
    """

    title: str
    config: str
    size: int
    batch: int
    peer: Callable[[], nn.Module]
    cut: str = ""


class Separable(nn.Module):
    """The bottleneck of DAH's network."""

    def __init__(self, inputs: int, channels: int, stride: int):
        """Takes `inputs` channels, and gives four times `channels`."""
        super().__init__()
        outputs = 4 * channels
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs and stride == 1
        project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.project = nn.Identity() if same else nn.Sequential(project, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [b c h w] to [b 4*channels h/stride w/stride]."""
        return torch.relu(self.project(x) + self.body(x))


def torch_resnet30() -> nn.Module:
    """Builds DAH's network."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inputs = 64
    for stage, count in enumerate(resnet30.VARIANTS["resnet30"]):
        for block in range(count):
            layers.append(Separable(inputs, 64 * 2**stage, 2 if stage and not block else 1))
            inputs = 4 * 64 * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, BITS))


def torch_lite0_from_block_8() -> nn.Module:
    """Builds the last eight blocks of EfficientNet-Lite0, and what follows."""
    whole = lite0()
    return nn.Sequential(
        *whole.blocks[4:], whole.conv_head, whole.bn2, whole.global_pool, whole.classifier
    )


lite0 = partial(timm.create_model, "tf_efficientnet_lite0", num_classes=BITS, drop_path_rate=0.2)
resnet18 = partial(timm.create_model, "resnet18", num_classes=BITS)
vgg16 = partial(timm.create_model, "vgg16", num_classes=BITS)
swin = partial(timm.create_model, "swin_tiny_patch4_window7_224", num_classes=BITS)
LITE = "configs/baselines/classification.py:scale=lite"
WORKS = {
    "resnet18-64": Work("ResNet18 + IDA, 64 px", "configs/dhida.py", 64, 32, resnet18),
    "resnet18-224": Work("ResNet18 + IDA, 224 px", "configs/dhida.py", 224, 16, resnet18),
    "lite0-128": Work("EfficientNet-Lite0, 128 px", LITE, 128, 32, lite0),
    "lite0-block8": Work(
        "EfficientNet-Lite0 from its eighth block, 224 px",
        *(LITE, 224, 32, torch_lite0_from_block_8, "block8"),
    ),
    "resnet30-32": Work("DAH's ResNet30 + CBAM, 32 px", "configs/dah.py", 32, 20, torch_resnet30),
    "vgg16-224": Work("VGG16 + triplet, 224 px", "configs/triplet_greedy.py", 224, 8, vgg16),
    "swin-224": Work("Swin-T + CAB, 224 px", "configs/hrmpa.py", 224, 8, swin),
}


def ours(work: Work) -> Steps:
    """Makes the steps of jaxhash."""
    config = configs.load(work.config).model
    config.bits = BITS
    model = hash_network.build(config, labels=10).clone(cut=work.cut)
    random = np.random.RandomState(0)
    image = random.randn(work.batch, work.size, work.size, 3).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), image[:1])
    trained = freezing.trained(model, variables, image.shape[1:])
    kept = None
    if work.cut:
        shape = jax.eval_shape(partial(model.apply, method=model.trunk), variables, image).shape
        kept = random.randn(*shape).astype(np.float16)
    replicas = Replicas()

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
                trained.get("batch_stats"),
                updated.get("batch_stats", {}),
                variables.get("batch_stats", {}),
            )
            return jnp.square(outputs.u).mean(), statistics

        return devices.mean(jax.grad(loss, has_aux=True)(variables["params"]))

    on_device = replicas.replicate(variables), *replicas.shard((image, kept))
    steps = [replicas.map(step) for step in (encode, train)]
    first, second = (lambda s=step: jax.block_until_ready(s(*on_device)) for step in steps)
    return first, second


def theirs(work: Work) -> Steps:
    """Makes the steps of PyTorch."""
    torch.manual_seed(0)
    network = work.peer().to(memory_format=torch.channels_last)
    shape = (80, 14, 14) if work.cut else (3, work.size, work.size)
    x = torch.randn((work.batch, *shape)).to(memory_format=torch.channels_last)

    def encode() -> None:
        network.eval()
        with torch.inference_mode():
            network(x)

    def train() -> None:
        network.train()
        network.zero_grad()
        network(x).square().mean().backward()

    return encode, train


def naive(work: Work) -> Steps:
    """Makes the steps of jaxhash with XLA's grouped convolutions."""
    fast = resnet30.depthwise
    resnet30.depthwise = depthwise.grouped  # type: ignore[assignment]
    try:
        steps = ours(work)
        for step in steps:
            step()  # is traced here
    finally:
        resnet30.depthwise = fast
    return steps


def measure(functions: list[Callable], batch: int) -> list[float]:
    """Returns images a second of each function; they take turns."""
    for function in functions:
        function()  # compiles
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(TIMES):
        for function, own in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return [batch / statistics.median(own) for own in seconds]


def main() -> None:
    """Prints a line for each comparison."""
    process.prepare()  # PyTorch's steps use the same memory
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="works whose name begins so")
    parser.add_argument("--json", metavar="PATH", help="where to write the numbers too")
    options = parser.parse_args()
    device = jax.local_devices()[0].device_kind
    about = {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "timm": timm.__version__,
        "hardware": f"{device}, {platform.machine()}, {os.cpu_count()} cores",
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    rows = []
    for name, work in WORKS.items():
        if not name.startswith(options.only):
            continue
        sides = {"jaxhash": ours(work), "PyTorch": theirs(work)}
        if name.startswith("resnet30"):
            sides["naive"] = naive(work)
        for place, kind in enumerate(("encoding", "training")):
            rates = measure([steps[place] for steps in sides.values()], work.batch)
            mine, *others = rates
            for side, rate in zip(list(sides)[1:], others, strict=True):
                row = {"work": f"{work.title}, batch {work.batch}", "kind": kind, "other": side}
                row["unit"] = "images/s"
                rows.append(row | {"ours": mine, "theirs": rate, "ratio": mine / rate})
                print(
                    f"{work.title}, {kind}: jaxhash {mine:.1f} images/s, {side} {rate:.1f}, ratio "
                    f"{mine / rate:.2f}",
                    flush=True,
                )
    if options.json:
        Path(options.json).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
