"""Writes data sets of our own as TFDS data sets: array_record files, without TensorFlow."""

import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxhash.data.images import decoder
from jaxhash.errors import UserError

SKIPPED = "skipped.txt"


class Entry(NamedTuple):
    """One image of a data set that is to be written.

    id: its name, unique. image: the content of a picture file, or its path. labels: numbers of its
    classes. part: its split in a protocol that the data set itself gives, see
    `jaxhash.data.protocols`.
    """

    id: str
    image: bytes | Path
    labels: Sequence[int]
    part: str = "all"


class Contents(NamedTuple):
    """What a data set of our own holds.

    classes: names of the classes. entries: the images, iterated over once. channels: 1 or 3.
    shape: (height, width) where all images have the same. digest: changes whenever the user's own
    images do. source: where these lie, for messages.
    """

    classes: Sequence[str]
    entries: Iterable[Entry]
    channels: int = 3
    shape: tuple[int | None, int | None] = (None, None)
    digest: str = ""
    source: str = ""


class _Info(tfds.core.DatasetInfo):
    """Information on a data set that TFDS does not know."""

    def initialize_from_bucket(self) -> None:
        """Does nothing; TFDS would ask its bucket, and leave an empty temporary folder behind."""


class Jaxhash(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder of all data sets of our own: each is one of its configs.

    Picture files are copied unchanged: TFDS would call TensorFlow to encode arrays. One that cannot
    be decoded is left out, and `skipped.txt` beside the records lists its id and the reason.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, contents: Contents, config: str, **options):
        """Takes what to write, and the name under which it is written."""
        self._contents = contents
        config = tfds.core.BuilderConfig(name=config, version=self.VERSION)
        super().__init__(config=config, file_format="array_record", **options)

    def _info(self) -> _Info:
        features = tfds.features
        shape = (*self._contents.shape, self._contents.channels)
        label = features.ClassLabel(names=list(self._contents.classes))
        columns = {
            "id": features.Text(),
            "image": features.Image(shape=shape),
            "labels": features.Sequence(label),
            "part": features.Text(),
        }
        return _Info(builder=self, features=features.FeaturesDict(columns))

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        skipped, written = [], 0
        title = f"prepare {self.builder_config.name}"
        entries = tqdm(self._contents.entries, title, leave=False, disable=None)
        for number, entry in enumerate(entries):
            content = _content(entry)
            if isinstance(content, str):
                skipped.append((entry.id.encode(errors="backslashreplace").decode(), content))
                continue
            written += 1
            row = {"id": entry.id, "image": content, "labels": list(entry.labels)}
            yield number, {**row, "part": entry.part}
        if not written:
            source = self._contents.source or self.builder_config.name
            first = "; the first, {}: {}".format(*skipped[0]) if skipped else ""
            raise UserError(f"{source}: none of {len(skipped)} files is a picture{first}")
        if skipped:
            # Into the unfinished folder, which becomes the data set as a whole or not at all.
            lines = "".join(f"{id}\t{reason}\n" for id, reason in skipped)
            Path(self.data_dir, SKIPPED).write_text(lines, encoding="utf-8")


def _content(entry: Entry) -> bytes | str:
    """Returns the file of an image, or in a text why it cannot be used."""
    try:
        entry.id.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    try:
        content = entry.image if isinstance(entry.image, bytes) else decoder.load(entry.image)
        decoder.read(content)
    except decoder.Unreadable as error:
        return str(error)
    except OSError as error:
        return error.strerror or type(error).__name__
    return content


def originals(root: Path, name: str, required: bool = True) -> Path:
    """Returns the folder for files that the user must download themselves, as TFDS names it.

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
    """Writes a data set to `root`/jaxhash/`config`; one that exists already is left unchanged.

    Raises:
      UserError: the folder cannot be written.
    """
    try:
        with _quiet():
            tfds.disable_progress_bar()
            Jaxhash(contents, config, data_dir=root).download_and_prepare()
    except FileExistsError:
        return  # another process has just written the same
    except OSError as error:
        raise UserError(
            f"data.dir={root}: cannot be written ({error.strerror}); give another with "
            "--config.data.dir=PATH"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences TFDS, which reports a download (there is none) and its configs."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)
