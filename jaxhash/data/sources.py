"""Images out of TFDS: array_record files, read without TensorFlow, decoded to uint8."""

import contextlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxhash import registry
from jaxhash.data import protocols
from jaxhash.errors import UserError, nearest

CHUNK = 2_000


@dataclass(frozen=True)
class DataSet:
    """What a file of `jaxhash.data.sets` says of its data set.

    Attributes:
      tfds_name: the folder's name under `data.dir`.
      parts: the TFDS splits that are pooled.
      protocols: by name.
      builder: a TFDS builder of ours that prepares itself, or None for a stock data set.
    """

    tfds_name: str
    parts: tuple[str, ...]
    protocols: Mapping[str, protocols.Protocol]
    builder: type | None = None


class Pool(NamedTuple):
    """All images of a data set, in memory.

    pixels: uint8 [n h w c]. labels: uint8 [n l], 0 or 1. parts: [n] official split of each image.
    ids: [n] names. class_names: l names.
    """

    pixels: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    ids: np.ndarray
    class_names: list[str]


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


def load(name: str, data_dir: str | None) -> Pool:
    """Reads a prepared data set whole; one of our own prepares itself first.

    Args:
      name: a file of `jaxhash.data.sets`.
      data_dir: where TFDS data sets lie; None is TFDS's own default, `$TFDS_DATA_DIR` or
        `~/tensorflow_datasets`.

    Raises:
      UserError: the data are absent, damaged, or not in array_record form.
    """
    dataset = describe(name)
    root = Path(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if dataset.builder is not None:
        _prepare(dataset.builder, root)
    folder = _prepared_folder(name, root / dataset.tfds_name, root)
    try:
        builder = tfds.builder_from_directory(folder)
        parts = {part: _read(builder, part) for part in dataset.parts}
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{folder}: damaged, or not in array_record form ({reason}); prepare {name} again"
        ) from error
    columns = zip(*parts.values(), strict=True)
    pixels, classes, ids = (np.concatenate(column) for column in columns)
    names = builder.info.features["label"].names
    return Pool(
        pixels=pixels,
        labels=np.eye(len(names), dtype=np.uint8)[classes],
        parts=np.concatenate([np.full(len(ids), part) for part, (_, _, ids) in parts.items()]),
        ids=ids,
        class_names=names,
    )


def _prepare(builder: type, root: Path) -> None:
    try:
        # TFDS prints several lines about a download that there is none of.
        with contextlib.redirect_stdout(io.StringIO()):
            tfds.disable_progress_bar()
            builder(data_dir=root, file_format="array_record").download_and_prepare()
    except FileExistsError:
        return  # another process has just prepared the same
    except OSError as error:
        raise UserError(
            f"data.dir={root}: cannot be written ({error.strerror}); give another with "
            "--config.data.dir=PATH"
        ) from error


def _prepared_folder(name: str, folder: Path, root: Path) -> Path:
    versions = sorted(path.parent for path in folder.glob("*/dataset_info.json"))
    if not versions:
        raise UserError(
            f"data set {name} is not prepared under {root}; give the folder that holds "
            f"{folder.name}/ with --config.data.dir=PATH, or prepare it once: "
            f"pip install 'jaxhash[prepare]' && tfds build {folder.name} "
            f"--file_format=array_record --data_dir={root}; configs/quickstart.py needs no data"
        )
    return versions[-1]


def _read(builder: tfds.core.DatasetBuilder, part: str) -> tuple[np.ndarray, ...]:
    source = builder.as_data_source(part)
    expected = builder.info.splits[part].num_examples
    if len(source) != expected:
        raise ValueError(f"{part} holds {len(source)} images, its index says {expected}")
    pixels, labels, ids = [], [], []
    chunks = range(0, expected, CHUNK)
    for start in tqdm(chunks, f"read {builder.name} {part}", leave=False, disable=None):
        for number in range(start, min(start + CHUNK, expected)):
            example = source[number]
            pixels.append(example["image"])
            labels.append(example["label"])
            ids.append(example["id"].decode() if "id" in example else f"{part}_{number}")
    return np.stack(pixels), np.array(labels), np.array(ids)
