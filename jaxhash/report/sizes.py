"""Parameters and forward FLOPs of each config's network, as a Markdown table.

python -m jaxhash.report.sizes configs/dah.py configs/dhida.py
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxhash import config as configs
from jaxhash.cli import command_line
from jaxhash.models import hash_network
from jaxhash.report.table import lay_out

LABELS = 10
RESNET50 = 25_557_032  # parameters of torchvision's, with its classifier of 1,000 classes


class Size(NamedTuple):
    """The size of a network.

    parameters: of all parts. attention: of its attention only. flops: floating point operations to
    encode one image, where a multiplication and an addition are two.
    """

    parameters: int
    attention: int
    flops: float


def measure(config: ConfigDict) -> Size:
    """Counts a config's parameters by their shapes, and its FLOPs by XLA's cost analysis.

    >>> from jaxhash.config import load
    >>> measure(load("configs/quickstart.py:attention=none")).attention
    0
    """
    network = hash_network.build(config.model, LABELS)
    image = jnp.zeros((1, config.data.size, config.data.size, len(config.data.mean)))
    variables = jax.eval_shape(lambda: network.init(jax.random.key(0), image))
    parts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(tree))
        for name, tree in variables["params"].items()
    }

    def encode(variables: dict, image: jax.Array) -> jax.Array:
        output: Any = network.apply(variables, image)  # which may return variables too
        return output.u

    # As a GPU computes it: for CPUs some convolutions are written as products of another count.
    lowered = jax.jit(encode).trace(variables, image).lower(lowering_platforms=("cuda",))
    cost = lowered.cost_analysis()
    assert cost is not None
    attention = sum(count for name, count in parts.items() if name.startswith("attention"))
    return Size(sum(parts.values()), attention, cost["flops"])


def table(paths: list[str]) -> str:
    """Makes a table of the sizes of configs, each given as on the command line.

    >>> print(table([]))
    | config | network | attention | input | parameters | of attention | against ResNet50 | GFLOPs |
    |---|---|---|---|---|---|---|---|
    """
    titles = ("config", "network", "attention", "input", "parameters", "of attention")
    lines = []
    for path in paths:
        config = configs.load(path)
        size = measure(config)
        lines.append(
            (
                f"`{path}`",
                config.model.backbone.name,
                config.model.attention.name,
                f"{config.data.size} px",
                f"{size.parameters:,}",
                f"{size.attention:,}",
                f"{100 * (size.parameters / RESNET50 - 1):+.2f} %",
                f"{size.flops / 1e9:.2f}",
            )
        )
    return lay_out((*titles, "against ResNet50", "GFLOPs"), lines)


def main() -> None:
    """Prints the sizes of the configs that the arguments name."""
    parser = command_line.Parser("python -m jaxhash.report.sizes", description=__doc__)
    parser.add_argument("configs", nargs="+", metavar="CONFIG", help="as after --config=")
    print(table(parser.parse_args().configs))


if __name__ == "__main__":
    command_line.run(main)
