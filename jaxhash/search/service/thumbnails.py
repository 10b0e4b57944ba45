"""The pictures of the items of an index, from where their collections lie."""

import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from jaxhash.data.images import decoder, tables
from jaxhash.errors import UserError
from jaxhash.search.collection.catalog import PREPARED, UPLOADS, Collection
from jaxhash.search.collection.prepared import PreparedPixels

SMALL = 128  # pixels; a picture no larger is sent as PNG, without loss
KEPT_SIDE = 2048  # pixels; an added picture is reduced to this
GONE = "the picture itself is not there any more"


class NotShown(Exception):
    """The picture of an item cannot be shown; the message is one line, without paths."""


class Facts(NamedTuple):
    """The file of a picture, its bytes, and width and height in pixels as it is shown."""

    file: Path
    bytes: int
    width: int
    height: int


class Pictures:
    """Finds the picture of an item by its collection, and its path there.

    In a folder it is the file of that path below it; in a table the file that the table names; in a
    data set the image of that id. An added picture is kept in a file named by the hash of its path.
    """

    def __init__(
        self,
        added: Path,
        places: Mapping[str, str] | None = None,
        earlier: Path | None = None,
    ):
        """Names the folders; `added` is created when it is first needed.

        Args:
          added: where pictures added through the service are kept.
          places: folders of collections by name, in place of those that the index knows.
          earlier: where an earlier version kept added pictures.
        """
        self._added, self._places, self._earlier = added, dict(places or {}), earlier
        self._data_sets: dict[str, PreparedPixels] = {}
        self._lock = threading.Lock()

    def place(self, collection: Collection) -> str | None:
        """Returns where the pictures of a collection are looked for; None if that is not known."""
        return self._places.get(collection.name, collection.place)

    def read(self, collection: Collection, path: str) -> Image.Image:
        """Decodes the picture of an item; raises NotShown."""
        place = self.place(collection)
        if place is not None and place.startswith(PREPARED):
            return self._prepared(place, collection.data_dir, path)
        with _reasons(collection, place):
            return decoder.read(self._file(collection, path))

    def facts(self, collection: Collection, path: str) -> Facts | None:
        """Returns the file of an item's picture, its bytes and dimensions.

        Returns:
          None for a picture of a data set, and for one that cannot be shown.
        """
        place = self.place(collection)
        if place is not None and place.startswith(PREPARED):
            return None
        try:
            with _reasons(collection, place):
                file = self._file(collection, path)
                return Facts(file, file.stat().st_size, *decoder.dimensions(file))
        except NotShown:
            return None

    def thumbnail(self, collection: Collection, path: str, side: int) -> tuple[bytes, str]:
        """Reduces the picture of an item to at most `side` pixels in width and height.

        Returns:
          the encoded file and its media type.

        Raises:
          NotShown: there is no picture, or it cannot be read.
        """
        image = self.read(collection, path)
        image.thumbnail((side, side))
        return encoded(image)

    def add(self, path: str, image: Image.Image) -> None:
        """Keeps a picture, reduced to 2048 pixels; encoded again, without metadata."""
        self._added.mkdir(parents=True, exist_ok=True)
        image = image.copy()
        image.thumbnail((KEPT_SIDE, KEPT_SIDE))
        file = _named(self._added, path)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(encoded(image)[0])
        os.replace(unfinished, file)

    def delete(self, path: str) -> None:
        """Deletes an added picture."""
        self._kept(path).unlink(missing_ok=True)

    def _file(self, collection: Collection, path: str) -> Path:
        """Finds the file of an item's picture; raises NotShown."""
        place = self.place(collection)
        if collection.name == UPLOADS or (place is None and self._kept(path).exists()):
            return self._kept(path)
        if place is None:
            raise NotShown(
                f"where the pictures of {_described(collection)} lie is not known; index them "
                "again, or name their folder to serve, with --images"
            )
        return _file(Path(place), path)

    def _kept(self, path: str) -> Path:
        file = _named(self._added, path)
        if self._earlier is not None and not file.exists():
            earlier = _named(self._earlier, path)
            return earlier if earlier.exists() else file
        return file

    def _prepared(self, place: str, data_dir: str | None, path: str) -> Image.Image:
        with self._lock:
            try:
                if place not in self._data_sets:
                    self._data_sets[place] = PreparedPixels(place, data_dir)
                pixels = self._data_sets[place].get(path)
            except UserError as error:
                raise NotShown(f"the data set cannot be read: {error}") from None
        if pixels is None:
            raise NotShown(GONE)
        return Image.fromarray(pixels.squeeze())


@contextlib.contextmanager
def _reasons(collection: Collection, place: str | None) -> Iterator[None]:
    """Says why the file of a picture cannot be read."""
    try:
        yield
    except decoder.Unreadable as error:
        raise NotShown(str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        if place is not None and not os.path.exists(place):
            raise NotShown(
                f"the pictures of the collection {collection.name} are not there; the disk may "
                "not be mounted, or they were moved: index them again where they are now"
            ) from None
        raise NotShown(GONE) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NotShown(f"the picture cannot be read ({reason})") from None


def _described(collection: Collection) -> str:
    return f"the collection {collection.name}" if collection.name else "this index"


def _file(place: Path, path: str) -> Path:
    """Finds the file of a path in a folder, or in a table."""
    if tables.is_table(place) and not place.is_dir():
        return tables.locate(place.parent, path)
    if os.path.isabs(path) or ".." in path.split("/"):
        raise NotShown("the picture lies outside the folder of its collection")
    return place / path


def _named(folder: Path, path: str) -> Path:
    return folder / f"{hashlib.sha256(path.encode()).hexdigest()}.picture"


def encoded(image: Image.Image) -> tuple[bytes, str]:
    """Encodes a picture for a browser: small or transparent ones as PNG, others as JPEG.

    Returns:
      the content of the file, and its media type.

    >>> encoded(Image.new("RGB", (2, 2)))[1]
    'image/png'
    """
    buffer = io.BytesIO()
    if image.mode == "RGBA" or max(image.size) <= SMALL:
        image.save(buffer, "PNG")
        return buffer.getvalue(), "image/png"
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/jpeg"
