"""Why the losses of DHIDA and DAH stand still from random weights: what each remedy changes.

  python benchmarks/random_weights.py --data-dir=~/tensorflow_datasets --json=random.json
  python benchmarks/random_weights.py --json=random.json --only=dah --draw=random_weights_dah.png

Trains the networks of `configs/dhida.py:scale=tiny` and `configs/dah.py:scale=small` for 1,000
steps on CIFAR-10, at a constant learning rate, once for each variant and seed. Each `--every` steps
it measures on 250 held-out training images, with the statistics of that batch: how the outputs u of
the hash layer divide into what all images share, what the images of a class share beyond that, and
the rest; and the norm of the gradient of each term of the loss by the weights of the hash layer.
At the end, the mAP of 500 held-out images among 500 others. A run that --json has is not run again.

`benchmarks/random_weights.json` has what docs/random_weights.md shows.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxhash import config as configs
from jaxhash import data, losses
from jaxhash.cli import memory
from jaxhash.data import augment, loader, sampler
from jaxhash.distributed.devices import Replicas
from jaxhash.losses import Codes, dah
from jaxhash.losses import _classes as classes
from jaxhash.losses import _pairs as pairs
from jaxhash.metrics.evaluate import mean_average_precision
from jaxhash.metrics.hamming import Coded
from jaxhash.models import hash_network, quantizers
from jaxhash.models.normalization import batch_norm
from jaxhash.runs import provenance

STEPS, SEEDS = 1_000, (0, 1)


class Variant(NamedTuple):
    """A system with one thing changed.

    config: of the system. values: of the config. kernel: (random numbers, shape) -> the first
    weights of the hash layer; None leaves them. centred: whether the features are normalised over
    the batch before the hash layer.
    """

    config: str
    values: dict[str, Any] = {}  # noqa: RUF012
    kernel: Callable[[np.random.Generator, tuple[int, int]], np.ndarray] | None = None
    centred: bool = False


def _torch(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    bound = shape[0] ** -0.5
    return random.uniform(-bound, bound, shape)


def _wide(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return random.normal(0, 1, shape)


DHIDA, DAH = "configs/dhida.py:bits=48,scale=tiny", "configs/dah.py:bits=48,scale=small"
PLAIN = {"model.hash_norm": False}
EQUAL = {"loss.dah.classification_weight": 1.0}
VARIANTS = {
    "dhida, as published": Variant(DHIDA, PLAIN),
    "dhida, RMSProp 5e-5": Variant(DHIDA, PLAIN | {"optim.name": "rmsprop", "optim.lr": 5e-5}),
    "dhida, PyTorch's first weights": Variant(DHIDA, PLAIN, _torch),
    "dhida, first weights of deviation 1": Variant(DHIDA, PLAIN, _wide),
    "dhida, features normalised": Variant(DHIDA, PLAIN, centred=True),
    "dhida, outputs normalised": Variant(DHIDA),
    "dah, as published": Variant(DAH, EQUAL),
    "dah, PyTorch's first weights": Variant(DAH, EQUAL, _torch),
    "dah, first weights of deviation 1": Variant(DAH, EQUAL, _wide),
    "dah, features normalised": Variant(DAH, EQUAL, centred=True),
    "dah, outputs normalised": Variant(DAH, EQUAL | {"model.hash_norm": True}),
    "dah, tenfold classification": Variant(DAH),
    "dah, a tenth of the distance": Variant(DAH, EQUAL | {"loss.dah.similarity_weight": 0.1}),
}


class Centred(nn.Module):
    """A head behind batch normalisation of the features, without an offset."""

    head: nn.Module

    @nn.compact
    def __call__(self, features: jax.Array, train: bool):
        """Maps [b c] to the outputs of the head."""
        plain = batch_norm(train)(use_bias=False, name="features")
        return self.head(plain(features), train)


def terms(name: str, rows: Codes) -> dict[str, jax.Array]:
    """Computes the terms of a loss, each a mean over the batch, as they are weighted in the sum."""
    similar = pairs.similarity(rows.labels, rows.labels)
    others = pairs.distinct(rows.index, rows.index)

    def share(values: jax.Array, of: jax.Array) -> jax.Array:
        return jnp.where(of & others, values, 0).sum() / others.sum()

    if name == "dhida":
        u = quantizers.piecewise(rows.u)
        values = pairs.negative_log_likelihood(u, u, similar)
        balanced = 0.1 * losses.dhida.balance(u, "samples")
        rest = {"balance": balanced}
    else:
        u = quantizers.shrink_sigmoid(rows.u)
        near, far = dah.similar_distance(u, u), dah.dissimilar_distance(u, u, u.shape[1] / 4.8)
        values = jnp.where(similar > 0, near, far)
        entropy = classes.cross_entropy(rows.logits, rows.labels).mean()
        uneven = share(dah.uniformity(u, u), others)
        rest = {"uniformity": uneven, "cross-entropy": entropy}
    return {
        "similar pairs": share(values, similar > 0),
        "dissimilar pairs": share(values, similar == 0),
        **rest,
    }


def parts(u: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Divides the mean of u^2 over images and bits into common, classes and rest, which add up."""
    common = u.mean(axis=0)
    of_class = np.stack([u[label == c].mean(axis=0) for c in label])
    return {
        "common": float((common**2).mean()),
        "classes": float(((of_class - common) ** 2).mean()),
        "rest": float(((u - of_class) ** 2).mean()),
    }


def kernel_of(params: dict) -> jax.Array:
    """Returns the weights [d k] of the hash layer."""
    head = params["head"]
    return head.get("head", head)["hash"]["dense"]["kernel"]


def with_kernel(params: dict, kernel: jax.Array) -> dict:
    """Returns the parameters with other weights of the hash layer."""
    at = ("head", "head") if "head" in params["head"] else ("head",)
    return flax.traverse_util.unflatten_dict(
        flax.traverse_util.flatten_dict(params) | {(*at, "hash", "dense", "kernel"): kernel}
    )


def single(step: Callable) -> Callable:
    """Maps a step over one device, under the axis that batch normalisation averages over."""
    mapped = Replicas(1).map(step)

    def call(*values: Any) -> Any:
        given = jax.tree.map(lambda x: jnp.asarray(x)[None], values)
        return jax.tree.map(lambda x: x[0], mapped(*given))

    return call


def train(variant: Variant, seed: int, options: argparse.Namespace) -> dict:
    """Trains a variant and measures it; returns what `--json` keeps of it."""
    config = configs.load(variant.config)
    config.data.update(dir=options.data_dir, held_out=1_000, protocol="cifar10_54k")
    config.optim.update(name="adam", lr=1e-3, weight_decay=0.0)
    flat = config.copy_and_resolve_references()
    for key, value in variant.values.items():
        section, _, last = key.rpartition(".")
        with flat.unlocked():
            at = flat
            for part in section.split("."):
                at = at[part]
            at[last] = value
    found, pixels = data.build(flat.data), augment.build(flat.data)
    images, labels = (
        loader.take(found.pool.pixels, np.arange(len(found.pool.labels))),
        found.train_labels,
    )
    model = hash_network.build(flat.model, labels.shape[1])
    if variant.centred:
        model = model.clone(head=Centred(model.head))
    variables = dict(model.init(jax.random.key(seed), pixels.blank(1)))
    if variant.kernel:
        drawn = variant.kernel(np.random.default_rng(seed), kernel_of(variables["params"]).shape)
        variables["params"] = with_kernel(variables["params"], jnp.asarray(drawn, jnp.float32))
    name = flat.loss.name
    loss = losses.build(flat.loss)
    optimizer = (optax.rmsprop if flat.optim.name == "rmsprop" else optax.adam)(flat.optim.lr)
    size = flat.train.batch_size if name == "dah" else 64
    order = sampler.build(flat.train.order, seed, labels, size)

    def rows(params, stats, x, labels, index, train=True):
        outputs, updated = model.apply(
            {"params": params, "batch_stats": stats}, x, train=train, mutable=["batch_stats"]
        )
        return Codes(outputs.u, labels, index, outputs.logits), updated["batch_stats"]

    @single
    def step(params, stats, state, images, labels, index, done):
        key = jax.random.fold_in(jax.random.key(seed), done)
        x = pixels.for_training(key, images, index)

        def objective(params):
            codes, updated = rows(params, stats, x, labels, index)
            values, _, _ = loss.apply((), codes, codes)
            return values.mean(), updated

        (value, stats), gradient = jax.value_and_grad(objective, has_aux=True)(params)
        change, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, change), stats, state, value

    held = np.random.default_rng(0).permutation(found.split.held_out)
    probe = held[:250]
    seen = pixels.for_encoding(jnp.asarray(images[probe]))
    probe_labels = jnp.asarray(found.pool.labels[probe])
    label, numbers = np.asarray(probe_labels).argmax(axis=1), jnp.arange(len(probe))

    @single
    def gradients(params, stats):
        def of(kernel):
            codes, _ = rows(with_kernel(params, kernel), stats, seen, probe_labels, numbers)
            return terms(name, codes), codes.u

        by_term, u = jax.jacrev(of, has_aux=True)(kernel_of(params))
        return jax.tree.map(jnp.linalg.norm, by_term), u

    params, stats = variables["params"], variables["batch_stats"]
    state, curve = optimizer.init(params), []
    for done in range(options.steps + 1):
        if done % options.every == 0:
            norms, u = gradients(params, stats)
            row = {"step": done, "loss": float(value) if done else None}
            row |= parts(np.asarray(u), label) | {"gradient": jax.tree.map(float, norms)}
            curve.append(jax.tree.map(rounded, row))
        if done < options.steps:
            index = order(done)
            batch = images[found.split.train[index]], labels[index], index
            params, stats, state, value = step(params, stats, state, *batch, done)
    encode = jax.jit(lambda x: rows(params, stats, x, None, None, train=False)[0].u)
    u = np.concatenate(
        [encode(pixels.for_encoding(jnp.asarray(images[part]))) for part in np.split(held, 10)]
    )
    coded = Coded(np.packbits(u >= 0, axis=1), found.pool.labels[held])
    half = len(held) // 2
    queries, database = (Coded(*(x[part] for x in coded)) for part in np.s_[:half, half:])
    found_map = mean_average_precision(queries, database, flat.model.bits, None)
    about = provenance.collect(device_count=1)
    found = {"curve": curve, "mAP": round(float(found_map), 4)}
    return found | {key: about[key] for key in ("code", "hardware")}


def rounded(value: Any) -> Any:
    """Rounds the numbers of a curve to four digits, which a picture needs."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def draw(runs: dict, only: str, path: str) -> None:
    """Draws, for each variant, its loss and how u divides; both seeds."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    names = [name for name in VARIANTS if only in name and f"{name}, seed {SEEDS[0]}" in runs]
    figure, axes = plt.subplots(len(names), 3, figsize=(11, 2.2 * len(names)), sharex=True)
    for name, row in zip(names, axes, strict=True):
        for seed in SEEDS:
            run = runs.get(f"{name}, seed {seed}")
            if run is None:
                continue
            curve, style = run["curve"], "-" if seed == SEEDS[0] else ":"
            steps = [point["step"] for point in curve]
            row[0].plot(steps[1:], [p["loss"] for p in curve[1:]], style, color="black")
            for part, colour in zip(("common", "classes", "rest"), ("C3", "C0", "C7"), strict=True):
                shown = part if seed == SEEDS[0] else None
                row[1].semilogy(steps, [p[part] for p in curve], style, color=colour, label=shown)
            for colour, term in enumerate(curve[0]["gradient"]):
                shown = term if seed == SEEDS[0] else None
                values = [p["gradient"][term] for p in curve]
                row[2].semilogy(steps, values, style, color=f"C{colour}", label=shown)
        maps = ", ".join(
            f"{runs[key]['mAP']:.3f}"
            for key in (f"{name}, seed {seed}" for seed in SEEDS)
            if key in runs
        )
        row[0].set_title(f"{name}: mAP {maps}", fontsize=9, loc="left")
        row[1].legend(fontsize=6)
        row[2].legend(fontsize=6)
    for axis, title in zip(axes[0], ("loss", "parts of u²", "gradient by term"), strict=True):
        axis.annotate(title, (1, 1.02), xycoords="axes fraction", ha="right", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("step")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Runs what is not in --json yet, or draws it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of TFDS data sets, with CIFAR-10")
    parser.add_argument("--json", required=True, help="file of the runs; added to")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--every", type=int, default=20, help="steps between measurements")
    parser.add_argument("--only", default="", help="variants whose name has this text")
    parser.add_argument("--draw", help="draw what --json has to this .png, and run nothing")
    options = parser.parse_args()
    kept = Path(options.json)
    runs = json.loads(kept.read_text()) if kept.exists() else {}
    if options.draw:
        draw(runs, options.only, options.draw)
        return
    memory.keep()
    for seed in SEEDS:
        for name, variant in VARIANTS.items():
            key = f"{name}, seed {seed}"
            if options.only in name and key not in runs:
                runs[key] = train(variant, seed, options)
                kept.write_text(json.dumps(runs, separators=(",", ":")) + "\n")
                print(f"{key}: loss {runs[key]['curve'][-1]['loss']:.3f}, mAP {runs[key]['mAP']}")


if __name__ == "__main__":
    main()
