"""Data sets of TFDS: array_record files, read without TensorFlow."""

import functools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxhash import registry
from jaxhash.data import copies, left_out, loader, protocols
from jaxhash.data.augment import IMAGENET_MEAN, IMAGENET_STD
from jaxhash.data.contents import Absent, Contents, originals
from jaxhash.data.images.stored import AS_BYTES, StoredImages, damaged
from jaxhash.data.locks import Held
from jaxhash.errors import UserError, nearest

CHUNK = 2_000

Columns = tuple[list[str], list[list[int]], list[str], list[str]]


@dataclass(frozen=True)
class DataSet:
    """The description of a data set, by a file of `jaxhash.data.sets`.

    Attributes:
      tfds_name: the folder's name under `data.dir`.
      parts: the TFDS splits that are pooled.
      protocols: by name; the first is the one that papers use most.
      contents: from `data.dir` to the images of a data set that jaxhash writes, named
        "jaxhash/..."; None for a data set that TFDS prepares. Where `own`, it is given the label
        separator too.
      channels: of the images, 1 or 3.
      from_files: whether `contents` reads files that may be corrected, so that a prepared copy is
        compared with them whenever it is loaded.
      prepare: from `data.dir`, and the path of an archive, to the folder of a data set that jaxhash
        can prepare in TFDS's own layout; None where TFDS must.
      own: whether `data.dir` is the folder of the user's images, and not that of TFDS.
    """

    tfds_name: str
    parts: tuple[str, ...]
    protocols: Mapping[str, protocols.Protocol]
    contents: Callable[..., Contents] | None = None
    prepare: Callable[..., Path] | None = None
    channels: int = 3
    from_files: bool = False
    own: bool = False


class Pool(NamedTuple):
    """All images of a data set.

    pixels: uint8 [n h w c], in memory or `StoredImages`, which is indexed like an array.
    labels: uint8 [n l], 0 or 1. parts: [n] official split of each image. ids: [n] names.
    class_names: l names. digests: [n] digest of each image's file, 16 hexadecimal digits of its
    SHA-256; None where they are not known, as in data sets of TFDS. folder: of the prepared copy.
    """

    pixels: loader.Pixels
    labels: np.ndarray
    parts: np.ndarray
    ids: np.ndarray
    class_names: list[str]
    digests: np.ndarray | None = None
    folder: str = ""


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
    """Returns the values of a config's `data` section for a data set, for `config.data.update`.

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
    name: str,
    data_dir: str | None,
    side: int = 224,
    resident_bytes: float = math.inf,
    label_separator: str = "|",
) -> Pool:
    """Reads a prepared data set; one that jaxhash writes is prepared first, and when it changes.

    Prints how many images are left out and why, and what looks wrong in a table.

    Args:
      name: a file of `jaxhash.data.sets`.
      data_dir: folder of TFDS data sets; None is TFDS's default, `$TFDS_DATA_DIR` or
        `~/tensorflow_datasets`. For `folder` and `manifest`, that of the user's images.
      side: height and width in pixels that images are resized to, where they differ in size.
      resident_bytes: images that take more bytes than this, decoded, stay on disk.
      label_separator: between the labels of an image in a table.

    Raises:
      UserError: the data are absent, damaged, or not in array_record form.
    """
    dataset = describe(name)
    place = root(None if dataset.own else data_dir)
    while True:
        folder, notes = _prepare(name, dataset, data_dir, place, label_separator)
        held = copies.hold(folder)
        if held is not None:  # else another process has just deleted it
            break
    pool = _read(folder, dataset, side, resident_bytes, held)
    for line in [*notes, *left_out.lines(name, folder)]:
        print(line)
    return pool


def class_names(tfds_name: str, root: Path) -> list[str]:
    """Returns the classes of a data set of TFDS; raises UserError where it is not prepared."""
    folder = copies.newest(root / tfds_name)
    if folder is None:
        raise _absent(tfds_name, tfds_name, root)
    return tfds.builder_from_directory(folder).info.features["label"].names


def examples(tfds_name: str, root: Path, split: str) -> Iterator[dict]:
    """Iterates over a split of a data set of TFDS; images are the bytes of their files."""
    folder = copies.newest(root / tfds_name)
    try:
        source = _source(tfds.builder_from_directory(folder), split)
        for start in range(0, len(source), CHUNK):
            yield from source.__getitems__(list(range(start, min(start + CHUNK, len(source)))))
    except Exception as error:
        raise damaged(str(folder), error) from error


def root(data_dir: str | None) -> Path:
    """Returns where TFDS data sets lie; None is TFDS's own default."""
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def _prepare(
    name: str, dataset: DataSet, data_dir: str | None, root: Path, label_separator: str
) -> tuple[Path, Sequence[str]]:
    """Returns the folder of a data set, prepared where need be, and lines to print of it."""
    folder = copies.newest(root / dataset.tfds_name)
    if dataset.contents is None:
        if folder is None:
            if data_dir is not None and not root.is_dir():
                raise Absent(
                    f"data.dir={data_dir}: no such folder; correct it, or make it; "
                    "configs/quickstart.py needs no data"
                )
            if dataset.prepare is None:
                raise _absent(name, dataset.tfds_name, root)
            folder = dataset.prepare(root)
        return folder, ()
    if dataset.own:
        if data_dir is None:
            raise UserError(f"data.name={name} needs --config.data.dir=PATH, where your images lie")
        contents = dataset.contents(Path(data_dir).expanduser(), label_separator)
    elif not dataset.from_files and folder is not None:
        return folder, ()
    else:
        try:
            contents = dataset.contents(root)
        except Absent as error:
            return _without_originals(name, root, error), ()
    config = f"{name}_{contents.digest}" if contents.digest else name
    setting = "the environment variable TFDS_DATA_DIR" if dataset.own else "--config.data.dir=PATH"
    folder = copies.newest(root / "jaxhash" / config)
    if folder is None:
        folder = copies.prepare(contents, name, config, root, setting)
    if contents.digest:
        copies.delete_others(config, name, contents.source, root)
    return folder, contents.notes


def _without_originals(name: str, root: Path, error: Absent) -> Path:
    """Returns the copy of a data set whose lists and images are not there any more."""
    paths = [root / "jaxhash" / name, *(root / "jaxhash").glob(f"{name}_{'[0-9a-f]' * 12}")]
    folders = [folder for path in paths if (folder := copies.newest(path))]
    if not folders:
        raise error
    folder = max(folders, key=lambda folder: folder.stat().st_mtime)
    lists = originals(root, name, required=False)
    if lists.exists():
        raise UserError(f"{error}; to use the copy in {folder} as it is, move {lists} elsewhere")
    return folder


def _absent(name: str, tfds_name: str, root: Path) -> Absent:
    return Absent(
        f"data set {name} is not prepared under {root}; give the folder that holds "
        f"{tfds_name}/ with --config.data.dir=PATH, or prepare it once: "
        f"pip install 'jaxhash[prepare]' && tfds build {tfds_name} "
        f"--file_format=array_record --data_dir={root}; configs/quickstart.py needs no data"
    )


def _read(folder: Path, dataset: DataSet, side: int, resident_bytes: float, held: Held) -> Pool:
    try:
        builder = tfds.builder_from_directory(folder)
        sources = {part: _source(builder, part) for part in dataset.parts}
        columns = _columns_of(folder, dataset.parts, _files(folder))
        features = builder.info.features
        if "labels" in features:
            names = features["labels"].feature.names
        else:
            names = features["label"].names
        height, width, channels = features["image"].shape
        shape = (height or side, width or side, channels)
    except Exception as error:
        raise damaged(str(folder), error) from error
    ids, labels, parts, digests = ([*chain(*column)] for column in zip(*columns, strict=True))
    stored = StoredImages(str(folder), list(sources.values()), shape, held)
    matrix = np.zeros((len(ids), len(names)), np.uint8)
    for row, classes in enumerate(labels):
        matrix[row, classes] = 1
    pixels: loader.Pixels = stored
    if stored.nbytes <= resident_bytes:
        pixels = loader.take(stored, np.arange(len(stored)), f"decode {folder}")
    known = np.array(digests) if all(digests) else None
    return Pool(pixels, matrix, np.array(parts), np.array(ids), names, known, str(folder))


@functools.lru_cache(maxsize=1)  # the next run of a grid takes the same
def _columns_of(
    folder: Path, parts: tuple[str, ...], files: tuple[tuple[str, int, int], ...]
) -> list[Columns]:
    """Reads the columns of each part of a data set, of which `files` are `_files`."""
    del files
    builder = tfds.builder_from_directory(folder)
    return [_columns(_source(builder, part), part) for part in parts]


def _files(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Lists the files of a data set with their sizes and times, which change as they do."""
    found = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def _source(builder: tfds.core.DatasetBuilder, part: str) -> Any:
    source = builder.as_data_source(part, decoders=AS_BYTES)
    expected = builder.info.splits[part].num_examples
    if len(source) != expected:
        raise ValueError(f"{part} holds {len(source)} images, its index says {expected}")
    return source


def _columns(source: Any, split: str) -> Columns:
    """Reads ids, labels, parts and digests of a TFDS split; images stay undecoded."""
    ids, labels, parts, digests = [], [], [], []
    for start in _chunks(len(source), f"read {split}"):
        numbers = range(start, min(start + CHUNK, len(source)))
        for number, example in zip(numbers, source.__getitems__(list(numbers)), strict=True):
            name = example.get("id", f"{split}_{number}")
            ids.append(name.decode() if isinstance(name, bytes) else name)
            labels.append(list(example["labels"]) if "labels" in example else [example["label"]])
            parts.append(example["part"].decode() if "part" in example else split)
            digests.append(example["digest"].decode() if "digest" in example else "")
    return ids, labels, parts, digests


def _chunks(count: int, title: str) -> Iterable[int]:
    return tqdm(range(0, count, CHUNK), title, leave=False, disable=None)
