"""Data sets out of TFDS: array_record files, read without TensorFlow."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxhash import registry
from jaxhash.data import loader, protocols, tfds_builder
from jaxhash.data.augment import IMAGENET_MEAN, IMAGENET_STD
from jaxhash.data.images.stored import AS_BYTES, StoredImages, damaged
from jaxhash.errors import UserError, nearest

CHUNK = 2_000


@dataclass(frozen=True)
class DataSet:
    """What a file of `jaxhash.data.sets` says of its data set.

    Attributes:
      tfds_name: the folder's name under `data.dir`.
      parts: the TFDS splits that are pooled.
      protocols: by name; the first is the one that papers use most.
      contents: of a data set of our own, named "jaxhash/...": from `data.dir` to what it is
        prepared from; None for a stock data set.
      channels: of the images, 1 or 3.
      own: whether `data.dir` is where the user's own images lie, and not where TFDS keeps data.
    """

    tfds_name: str
    parts: tuple[str, ...]
    protocols: Mapping[str, protocols.Protocol]
    contents: Callable[[Path], tfds_builder.Contents] | None = None
    channels: int = 3
    own: bool = False


class Pool(NamedTuple):
    """All images of a data set.

    pixels: uint8 [n h w c], in memory or `StoredImages`, which are indexed alike. labels: uint8
    [n l], 0 or 1. parts: [n] official split of each image. ids: [n] names. class_names: l names.
    """

    pixels: loader.Pixels
    labels: np.ndarray
    parts: np.ndarray
    ids: np.ndarray
    class_names: list[str]
    digests: np.ndarray | None = None


def describe(name: str) -> DataSet:
    """Finds a data set by name; raises UserError with the nearest known name.

    >>> describe("digits").parts
    ('train',)
    """
    return registry.find("jaxhash.data.sets", name).build()


def protocol(dataset: str, name: str) -> protocols.Protocol:
    """Finds a protocol of a data set; raises UserError with the nearest known name.

    >>> protocol("cifar10", "cifar10_59k").counts
    (5000, 1000, 59000)
    """
    known = describe(dataset).protocols
    if name not in known:
        raise UserError(f"unknown data.protocol {name!r} for {dataset}: {nearest(name, known)}")
    return known[name]


def defaults(name: str) -> dict[str, Any]:
    """Returns what a config's `data` section holds for a data set, for `config.data.update`.

    Its name, its first protocol, and the mean and standard deviation of its channels: those of
    ImageNet for colours, a half for grey.

    >>> defaults("mosaics")
    {'name': 'mosaics', 'protocol': 'mosaics', 'mean': (0.5,), 'std': (0.5,)}
    """
    dataset = describe(name)
    grey = dataset.channels == 1
    return {
        "name": name,
        "protocol": next(iter(dataset.protocols)),
        "mean": (0.5,) if grey else IMAGENET_MEAN,
        "std": (0.5,) if grey else IMAGENET_STD,
    }


def load(
    name: str, data_dir: str | None, side: int = 224, resident_bytes: float = math.inf
) -> Pool:
    """Reads a prepared data set; one of our own prepares itself first.

    Args:
      name: a file of `jaxhash.data.sets`.
      data_dir: where TFDS data sets lie; None is TFDS's own default, `$TFDS_DATA_DIR` or
        `~/tensorflow_datasets`. For `folder` and `manifest`, where these lie.
      side: pixels of the height and width that images are brought to, where they differ in size.
      resident_bytes: images that take more than this, decoded, stay on disk.

    Raises:
      UserError: the data are absent, damaged, or not in array_record form.
    """
    dataset = describe(name)
    if dataset.own:
        root, folder = _prepare_own(name, dataset, data_dir)
    else:
        root = _root(data_dir)
        folder = _prepared_folder(root / dataset.tfds_name)
        if folder is None and dataset.contents is not None:
            tfds_builder.write(dataset.contents(root), name, root)
            folder = _prepared_folder(root / dataset.tfds_name)
    if folder is None:
        raise _absent(name, dataset.tfds_name, root)
    _report_skipped(name, folder)
    return _read(folder, dataset, side, resident_bytes)


def class_names(tfds_name: str, root: Path) -> list[str]:
    """Returns the classes of a stock data set; raises UserError where it is not prepared."""
    folder = _prepared_folder(root / tfds_name)
    if folder is None:
        raise _absent(tfds_name, tfds_name, root)
    return tfds.builder_from_directory(folder).info.features["label"].names


def examples(tfds_name: str, root: Path, split: str) -> Iterator[dict]:
    """Goes through a split of a stock data set; its images are the bytes of their files."""
    folder = _prepared_folder(root / tfds_name)
    try:
        source = _source(tfds.builder_from_directory(folder), split)
        for start in range(0, len(source), CHUNK):
            yield from source.__getitems__(list(range(start, min(start + CHUNK, len(source)))))
    except Exception as error:
        raise damaged(str(folder), error) from error


def _root(data_dir: str | None) -> Path:
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def _prepare_own(name: str, dataset: DataSet, data_dir: str | None) -> tuple[Path, Path | None]:
    """Prepares one's own images where TFDS keeps data; anew whenever they have changed."""
    if data_dir is None:
        raise UserError(f"data.name={name} needs --config.data.dir=PATH, where your images lie")
    contents, root = dataset.contents(Path(data_dir).expanduser()), _root(None)
    config = f"{name}_{contents.digest}"
    if _prepared_folder(root / "jaxhash" / config) is None:
        tfds_builder.write(contents, config, root)
    return root, _prepared_folder(root / "jaxhash" / config)


def _absent(name: str, tfds_name: str, root: Path) -> UserError:
    return UserError(
        f"data set {name} is not prepared under {root}; give the folder that holds "
        f"{tfds_name}/ with --config.data.dir=PATH, or prepare it once: "
        f"pip install 'jaxhash[prepare]' && tfds build {tfds_name} "
        f"--file_format=array_record --data_dir={root}; configs/quickstart.py needs no data"
    )


def _prepared_folder(folder: Path) -> Path | None:
    versions = sorted(path.parent for path in folder.glob("*/dataset_info.json"))
    return versions[-1] if versions else None


def _report_skipped(name: str, folder: Path) -> None:
    path = folder / tfds_builder.SKIPPED
    if path.exists():
        count = len(path.read_text(encoding="utf-8").splitlines())
        print(f"{name}: {count:,} files could not be read and are left out, listed in {path}")


def _read(folder: Path, dataset: DataSet, side: int, resident_bytes: float) -> Pool:
    try:
        builder = tfds.builder_from_directory(folder)
        sources = {part: _source(builder, part) for part in dataset.parts}
        columns = [_columns(source, part) for part, source in sources.items()]
        features = builder.info.features
        if "labels" in features:
            names = features["labels"].feature.names
        else:
            names = features["label"].names
        height, width, channels = features["image"].shape
        shape = (height or side, width or side, channels)
    except Exception as error:
        raise damaged(str(folder), error) from error
    ids, labels, parts = (sum(column, []) for column in zip(*columns, strict=True))
    pixels = StoredImages(str(folder), list(sources.values()), shape)
    matrix = np.zeros((len(ids), len(names)), np.uint8)
    for row, classes in enumerate(labels):
        matrix[row, classes] = 1
    if pixels.nbytes <= resident_bytes:
        pixels = loader.take(pixels, np.arange(len(pixels)), f"decode {folder}")
    return Pool(pixels, matrix, np.array(parts), np.array(ids), names)


def _source(builder: tfds.core.DatasetBuilder, part: str) -> Any:
    source = builder.as_data_source(part, decoders=AS_BYTES)
    expected = builder.info.splits[part].num_examples
    if len(source) != expected:
        raise ValueError(f"{part} holds {len(source)} images, its index says {expected}")
    return source


def _columns(source: Any, split: str) -> tuple[list[str], list[list[int]], list[str]]:
    """Reads ids, labels and parts of a TFDS split; images stay undecoded."""
    ids, labels, parts = [], [], []
    for start in _chunks(len(source), f"read {split}"):
        numbers = range(start, min(start + CHUNK, len(source)))
        for number, example in zip(numbers, source.__getitems__(list(numbers)), strict=True):
            name = example.get("id", f"{split}_{number}")
            ids.append(name.decode() if isinstance(name, bytes) else name)
            labels.append(list(example["labels"]) if "labels" in example else [example["label"]])
            parts.append(example["part"].decode() if "part" in example else split)
    return ids, labels, parts


def _chunks(count: int, title: str) -> Iterable[int]:
    return tqdm(range(0, count, CHUNK), title, leave=False, disable=None)
