"""CIFAR-10 from its published archive, in the layout of TFDS 3.0.2, without TensorFlow.

TFDS's own builder needs TensorFlow for one line, which opens the batches.
"""

import io
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from jaxhash.data import archives, copies, locks, tfds_builder
from jaxhash.errors import UserError, first_line

ARCHIVE = archives.Archive(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
FOLDER = "cifar-10-batches-bin"
NAMES = "batches.meta.txt"
BATCHES = {"train": [f"data_batch_{n}.bin" for n in range(1, 6)], "test": ["test_batch.bin"]}
SHAPE = (32, 32, 3)
ROW = 1 + 32 * 32 * 3  # bytes: the class, then the red, green and blue values


class Cifar10(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """The builder: files, names, keys and features are those of TFDS's own, which has this name."""

    VERSION = tfds.core.Version("3.0.2")

    def __init__(self, batches: dict[str, bytes], **options: Any):
        """Takes the files of the archive by name."""
        self._batches = batches
        super().__init__(file_format="array_record", **options)

    def _info(self) -> tfds_builder.Info:
        features = tfds.features
        names = self._batches[NAMES].decode().split()
        columns = {
            "id": features.Text(),
            "image": features.Image(shape=SHAPE),
            "label": features.ClassLabel(names=names),
        }
        return tfds_builder.Info(builder=self, features=features.FeaturesDict(columns))

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split) for split in BATCHES}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        content = b"".join(self._batches[name] for name in BATCHES[split])
        rows = np.frombuffer(content, np.uint8).reshape(-1, ROW)
        for number, row in enumerate(tqdm(rows, f"write {split}", leave=False, disable=None)):
            png = io.BytesIO()
            Image.fromarray(row[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(png, "PNG")
            # As arrays, images would be encoded by TensorFlow.
            yield (
                number,
                {
                    "id": f"{split}_{number:05d}",
                    "image": png.getvalue(),
                    "label": int(row[0]),
                },
            )


def prepare(root: Path, archive: Path | None = None) -> Path:
    """Writes `root`/cifar10/3.0.2 from the archive, whole or not at all, and returns this folder.

    Args:
      root: folder of the TFDS data sets.
      archive: the published file; None fetches it into `root`/downloads.

    Raises:
      UserError: the archive cannot be fetched, is not the published one, or the folder cannot be
        written.
    """
    if archive is None:
        advice = (
            f"or give the archive by python -m jaxhash.data cifar10 --archive=PATH --dir={root}, "
            "or a folder that holds cifar10/ by --config.data.dir=PATH"
        )
        archive = archives.fetch(ARCHIVE, root / "downloads", advice)
    else:
        archives.check(archive, ARCHIVE)
    folder = root / "cifar10"

    def waiting() -> None:
        print(f"{folder}: waiting for another process that prepares it", file=sys.stderr)

    with tfds_builder.building(folder, "cifar10", root, "--config.data.dir=PATH"):
        root.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(root / ".cifar10.lock", waiting):
            if copies.newest(folder) is None:
                Cifar10(_read(archive), data_dir=root).download_and_prepare()
    prepared = copies.newest(folder)
    assert prepared is not None  # it was there, or has been written
    return prepared


def _read(archive: Path) -> dict[str, bytes]:
    """Reads the files of the archive; raises UserError where one is missing or cut off."""
    batches = {}
    try:
        with tarfile.open(archive, "r:gz") as file:
            for name in (NAMES, *(name for names in BATCHES.values() for name in names)):
                member = file.extractfile(f"{FOLDER}/{name}")
                assert member is not None, f"{name} is no file"
                batches[name] = member.read()
                if name != NAMES and len(batches[name]) % ROW:
                    raise ValueError(f"{name} is cut off")
    except (tarfile.TarError, KeyError, ValueError, AssertionError, EOFError, zlib.error) as error:
        raise UserError(f"{archive}: not the archive of CIFAR-10 ({first_line(error)})") from None
    return batches
