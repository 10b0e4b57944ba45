"""Prepares data sets of our own as TFDS data sets: array_record files, without TensorFlow."""

import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow_datasets as tfds
from PIL import Image
from tqdm import tqdm

from jaxhash.errors import UserError, first_line

SKIPPED = "skipped.txt"
# What PIL raises for files that are no pictures, are cut off, or would not fit in memory.
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


class Entry(NamedTuple):
    """One image of a data set to be.

    id: its name, another for each image. image: the content of a picture file, or its path.
    labels: numbers of its classes. part: its part in a protocol that the data set itself gives, see
    `jaxhash.data.protocols`.
    """

    id: str
    image: bytes | Path
    labels: Sequence[int]
    part: str = "all"


class Contents(NamedTuple):
    """All that a data set of our own holds.

    classes: names of the classes. entries: the images, gone through once. channels: 1 or 3.
    shape: (height, width) where all images have the same. digest: of what changes when one's own
    images do.
    """

    classes: Sequence[str]
    entries: Iterable[Entry]
    channels: int = 3
    shape: tuple[int | None, int | None] = (None, None)
    digest: str = ""


class Jaxhash(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder of all data sets of our own: each is one of its configs.

    Pictures are copied as the files that they are: TFDS would call TensorFlow to encode arrays. One
    that cannot be decoded is left out and its id noted in `skipped.txt` beside the records.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, contents: Contents, config: str, **options):
        """Takes what to write, and the name under which it is written."""
        self._contents = contents
        config = tfds.core.BuilderConfig(name=config, version=self.VERSION)
        super().__init__(config=config, file_format="array_record", **options)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features
        shape = (*self._contents.shape, self._contents.channels)
        label = features.ClassLabel(names=list(self._contents.classes))
        columns = {
            "id": features.Text(),
            "image": features.Image(shape=shape),
            "labels": features.Sequence(label),
            "part": features.Text(),
        }
        return tfds.core.DatasetInfo(builder=self, features=features.FeaturesDict(columns))

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        skipped, written = [], 0
        title = f"prepare {self.builder_config.name}"
        entries = tqdm(self._contents.entries, title, leave=False, disable=None)
        for number, entry in enumerate(entries):
            try:
                content = (
                    entry.image if isinstance(entry.image, bytes) else entry.image.read_bytes()
                )
                with Image.open(io.BytesIO(content)) as image:
                    image.load()
            except UNREADABLE as error:
                skipped.append(f"{entry.id}\t{first_line(error)}\n")
                continue
            written += 1
            row = {"id": entry.id, "image": content, "labels": list(entry.labels)}
            yield number, {**row, "part": entry.part}
        if not written:
            raise UserError(
                f"{self.builder_config.name}: none of {len(skipped)} files is a picture"
            )
        if skipped:
            # Into the unfinished folder, which becomes the data set as a whole or not at all.
            Path(self.data_dir, SKIPPED).write_text("".join(skipped), encoding="utf-8")


def originals(root: Path, name: str, required: bool = True) -> Path:
    """Returns where TFDS expects what nobody but the user can download.

    Raises:
      UserError: it is not there, and `required`.
    """
    folder = root / "downloads" / "manual" / name
    if required and not folder.is_dir():
        raise UserError(
            f"data set {name} is not prepared under {root}, and {folder} is not there to prepare "
            f"it from; jaxhash/data/sets/{name}.py says what belongs there"
        )
    return folder


def write(contents: Contents, config: str, root: Path) -> None:
    """Writes a data set under `root`/jaxhash/`config`; one that lies there stays as it is.

    Raises:
      UserError: the folder cannot be written.
    """
    try:
        with _quiet():
            tfds.disable_progress_bar()
            Jaxhash(contents, config, data_dir=root).download_and_prepare()
    except FileExistsError:
        return  # another process has just prepared the same
    except OSError as error:
        raise UserError(
            f"data.dir={root}: cannot be written ({error.strerror}); give another with "
            "--config.data.dir=PATH"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences what TFDS says of a download that there is none of, and of its configs."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)
