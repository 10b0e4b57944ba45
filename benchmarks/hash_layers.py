"""Hash layers that need no training, on the features of EfficientNet-Lite0: what each finds.

  pip install -e '.[bench]'
  python benchmarks/hash_layers.py --data-dir=~/tensorflow_datasets

Judged by mAP and P@10 of exact comparison, on CIFAR-10's training images (1,000 queries, 5,000
others, the same class is relevant) and on 600 cuttings of ten colour photographs (each a query, the
same photograph is relevant). What is fitted is fitted on 5,000 further training images of CIFAR-10.
Exact cosine compares the 1,280 features themselves. `int8` compares the real outputs of the hash
layer, rounded to 8 bits, by their cosine: what re-ranking does.
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
from photographs import cuttings

from jaxhash import data
from jaxhash.data import loader
from jaxhash.data.images import decoder
from jaxhash.encoders import ready
from jaxhash.encoders.ready.fit import features
from jaxhash.models import pretrained
from jaxhash.shallow import Hyperplanes, itq, lsh, pcah

DEPTH = 10


def collections(folder: str | None) -> dict[str, np.ndarray]:
    """Computes the features of all pictures, and what is relevant to which."""
    network = ready.without_layer("lite0", bits=1)
    config = network.config.data
    config.update(name="cifar10", protocol="cifar10_official", dir=folder)
    found = data.build(config)
    drawn = np.random.default_rng(0).permutation(found.split.train)[:11_000]
    fit, queries, others = (np.sort(part) for part in np.split(drawn, (5_000, 6_000)))

    def of(rows):
        return features(network, loader.select(found.pool.pixels, rows))

    parts, photograph = cuttings(60)
    pixels = np.stack([decoder.to_array(part, (224, 224, 3)) for part in parts])
    labels = found.pool.labels.argmax(axis=1)
    return {
        "fit": of(fit),
        "queries": of(queries),
        "others": of(others),
        "cuttings": features(network, pixels),
        "same class": labels[queries][:, None] == labels[others],
        "same photograph": photograph[:, None] == photograph,
    }


def judge(name: str, map: Callable[[np.ndarray], np.ndarray], of: dict) -> dict:
    """Measures one way to compare vectors: by the products of what `map` makes of them."""
    cifar = map(of["queries"]) @ map(of["others"]).T
    photographs = map(of["cuttings"]) @ map(of["cuttings"]).T
    np.fill_diagonal(photographs, -np.inf)
    itself = np.eye(len(photographs), dtype=bool)
    row = {"layer": name}
    for kind, scores, relevant in (
        ("CIFAR-10", cifar, of["same class"]),
        ("photographs", photographs, of["same photograph"] & ~itself),
    ):
        order = np.argsort(-scores, axis=1, kind="stable")
        hits = np.take_along_axis(relevant, order, axis=1)
        precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
        row[f"{kind} mAP"] = float(((precision * hits).sum(1) / hits.sum(1)).mean())
        row[f"{kind} P@{DEPTH}"] = float(hits[:, :DEPTH].mean())
    return row


def cosine(vectors: np.ndarray) -> np.ndarray:
    """Divides vectors by their lengths."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def int8(vectors: np.ndarray) -> np.ndarray:
    """Rounds vectors to 8 bits, as an index keeps them."""
    return cosine(np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127))


def signs(planes: Hyperplanes) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function to codes of -1 and 1, whose products fall with the Hamming distance."""
    return lambda vectors: np.where(planes.project(vectors) >= 0, 1.0, -1.0)


def main() -> None:
    """Measures, and prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="folder of TFDS data sets, with CIFAR-10")
    parser.add_argument("--json", help="file to write too")
    options = parser.parse_args()
    of = collections(options.data_dir)
    tensors = pretrained.read("efficientnet-lite0").values()
    (classes,) = (tensor for tensor in tensors if tensor.shape == (1000, 1280))
    mean = of["fit"].mean(axis=0)
    rows = [
        judge("exact cosine", cosine, of),
        judge("exact cosine about the mean", lambda vectors: cosine(vectors - mean), of),
    ]
    for bits in (64, 128, 256):
        fitted = itq.fit(of["fit"], bits)
        rows.append(judge(f"ITQ, {bits} bits", signs(fitted), of))
        rows.append(judge(f"ITQ, {bits} int8", lambda v, f=fitted: int8(f.project(v)), of))
        rows.append(judge(f"PCA, {bits} bits", signs(pcah.fit(of["fit"], bits)), of))
        rows.append(judge(f"LSH, {bits} bits", signs(lsh.fit(of["fit"], bits)), of))
        of_classes = itq.fit(classes.astype(np.float64), bits)._replace(mean=mean)
        rows.append(judge(f"ITQ of the class vectors, {bits} bits", signs(of_classes), of))
    names = list(rows[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print(f"| {row['layer']} | " + " | ".join(f"{row[n]:.3f}" for n in names[1:]) + " |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
