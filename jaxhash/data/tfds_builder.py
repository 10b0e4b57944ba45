"""Writes data sets of our own as TFDS data sets: array_record files, without TensorFlow."""

import contextlib
import hashlib
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxhash.data import left_out
from jaxhash.data.contents import Contents, Entry
from jaxhash.data.images import decoder
from jaxhash.errors import UserError, printable

RECORD = "made_from.json"  # the data set's name and source
DIGEST = 16  # hexadecimal digits that are kept of an image file's SHA-256


class Info(tfds.core.DatasetInfo):
    """Information on a data set that TFDS does not know."""

    def initialize_from_bucket(self) -> None:
        """Does nothing; TFDS would ask its bucket, and leave an empty temporary folder behind."""


class Jaxhash(tfds.core.GeneratorBasedBuilder):
    """The TFDS builder of all data sets of our own: each is one of its configs.

    Picture files are copied unchanged: TFDS would call TensorFlow to encode arrays. One that cannot
    be decoded is left out, and `skipped.txt` beside the records lists its id and the reason.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, contents: Contents, name: str, config: str, **options):
        """Takes what to write, the data set's name, and the name under which it is written."""
        self._contents, self._set = contents, name
        config = tfds.core.BuilderConfig(name=config, version=self.VERSION)
        super().__init__(config=config, file_format="array_record", **options)

    def _info(self) -> Info:
        features = tfds.features
        shape = (*self._contents.shape, self._contents.channels)
        label = features.ClassLabel(names=list(self._contents.classes))
        columns = {
            "id": features.Text(),
            "image": features.Image(shape=shape),
            "labels": features.Sequence(label),
            "part": features.Text(),
        }
        if self._contents.digest:
            columns["digest"] = features.Text()
        return Info(builder=self, features=features.FeaturesDict(columns))

    def _split_generators(self, dl_manager) -> dict:
        del dl_manager  # nothing to download
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict]]:
        skipped: list[tuple[Entry, str]] = []
        written = 0
        title = f"prepare {self._set}"
        entries = tqdm(self._contents.entries, title, leave=False, disable=None)
        for number, entry in enumerate(entries):
            content = entry.left_out or _content(entry)
            if isinstance(content, str):
                skipped.append((entry, content))
                continue
            written += 1
            row = {"id": entry.id, "image": content, "labels": list(entry.labels)}
            if self._contents.digest:
                row["digest"] = hashlib.sha256(content).hexdigest()[:DIGEST]
            yield number, {**row, "part": entry.part}
        self._check(written, skipped)
        # Into the unfinished folder, which becomes the data set as a whole or not at all.
        folder = Path(self.data_dir)
        if skipped:
            left_out.write(folder, [(entry.id, reason) for entry, reason in skipped])
        record = {"set": self._set, "source": self._contents.source}
        (folder / RECORD).write_text(json.dumps(record) + "\n", encoding="utf-8")

    def _check(self, written: int, skipped: list[tuple[Entry, str]]) -> None:
        """Raises UserError where too many images are left out."""
        count, all_of_them = len(skipped), len(skipped) + written
        if written and count <= self._contents.most_left_out * all_of_them:
            return
        source = self._contents.source or self._set
        if written:
            share = f"more than {self._contents.most_left_out:.0%}"
            said = f"{count:,} of {all_of_them:,} images cannot be read, {share}"
        else:
            said = f"none of {count:,} files is a picture that can be read"
        if skipped:
            entry, reason = skipped[0]
            path = entry.image if isinstance(entry.image, Path) else entry.id
            said += f"; the first, {printable(str(path))}: {reason}"
        raise UserError(f"{source}: {said}; correct the paths or remove what is no picture")


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


def write(contents: Contents, name: str, config: str, root: Path, setting: str) -> None:
    """Writes a data set to `root`/jaxhash/`config`, whole or not at all.

    Args:
      contents: what it holds.
      name: of the data set.
      config: of its copy.
      root: where copies lie.
      setting: names another place for them, for messages.

    Raises:
      UserError: the folder cannot be written, or too many images are left out.
    """
    with building(root / "jaxhash" / config, name, root, setting):
        Jaxhash(contents, name, config, data_dir=root).download_and_prepare()


@contextlib.contextmanager
def building(folder: Path, name: str, root: Path, setting: str) -> Iterator[None]:
    """Has TFDS write a data set in the block, in silence, whole or not at all.

    Args:
      folder: of the data set, without its version.
      name: of the data set.
      root: where data sets lie.
      setting: names another place for them, for messages.

    Raises:
      UserError: the folder cannot be written.
    """
    try:
        with _quiet():
            tfds.disable_progress_bar()
            yield
    except Exception as error:
        with contextlib.suppress(OSError):
            folder.rmdir()  # TFDS deletes what it has begun, but for this folder
        reason = cannot_write(error)
        if reason is None:
            raise
        raise unwritable(root, reason, name, setting) from error


def unwritable(root: Path, reason: str, name: str, setting: str) -> UserError:
    """Says that a copy cannot be written, what is safe, and what to do."""
    return UserError(
        f"{root}: cannot be written ({reason}) while {name} is prepared; nothing unfinished is "
        f"left there, and the images that it is made from are as they were; make room there, or "
        f"give another place with {setting}"
    )


def cannot_write(error: BaseException) -> str | None:
    """Returns why a file could not be written, where that is what an exception says.

    array_record raises RuntimeError with the words of the system in its message.

    >>> cannot_write(RuntimeError("write() failed: No space left on device; writing a; at byte 9"))
    'No space left on device'
    >>> cannot_write(ValueError("no such label"))
    """
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    if isinstance(error, RuntimeError):
        found = re.search(r"\b\w+\(\) failed: ([^;\n]+)", str(error))
        return found and found[1]
    return None


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
