"""What the losses take at a large batch: bytes of temporary arrays, as XLA plans them.

  python benchmarks/memory.py
  python benchmarks/memory.py --batch=8192 --bits=48 --only=dah --json=memory.json

Each loss with its gradient by the outputs is compiled for one device, with rows and columns of the
whole batch, and not run. An array of all pairs [b b] takes 4 b^2 bytes, one of all pairs and bits
k times as many: where a loss made such an array, the last column would be above k.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxhash import registry
from jaxhash.losses import Codes, Task

LABELS, TRAIN, FEATURES = 10, 10_000, 64


def temporaries(name: str, batch: int, bits: int) -> int:
    """Returns the bytes of temporary arrays of a loss and its gradient."""
    loss = registry.find("jaxhash.losses", name).build()
    labels = np.eye(LABELS, dtype=np.uint8)[np.arange(TRAIN) % LABELS]
    state = loss.init(Task(bits, labels))
    index = jnp.arange(batch, dtype=jnp.int32) // loss.views
    rows = Codes(
        jnp.zeros((batch, bits)),
        jnp.asarray(labels)[index],
        index,
        jnp.zeros((batch, LABELS)),
        jnp.zeros((batch, FEATURES)),
        jnp.arange(batch),
    )

    def gradient(state, rows: Codes) -> jax.Array:
        def value(u: jax.Array) -> jax.Array:
            codes = rows._replace(u=u)
            return loss.apply(state, codes, codes)[0].mean()

        return jax.grad(value)(rows.u)

    return jax.jit(gradient).lower(state, rows).compile().memory_analysis().temp_size_in_bytes


def main() -> None:
    """Prints a row for each loss, the largest first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8_192)
    parser.add_argument("--bits", type=int, default=48)
    parser.add_argument("--only", help="one loss")
    parser.add_argument("--json", metavar="PATH", help="where to write the numbers too")
    options = parser.parse_args()
    names = [options.only] if options.only else registry.names("jaxhash.losses")
    pairs = 4 * options.batch**2
    found = {name: temporaries(name, options.batch, options.bits) for name in names}
    print(f"jax {jax.__version__}, {jax.local_devices()[0].device_kind}, batch {options.batch:,}")
    print("| loss | MB | arrays of all pairs |\n|---|---|---|")
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        print(f"| `{name}` | {size / 1e6:,.0f} | {size / pairs:.2f} |")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
