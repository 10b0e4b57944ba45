"""The one decoder of picture files: training, search, uploads and attention maps see the same.

Every reader of pictures goes through `read` or `decode`, so that a picture has one meaning:

- It stands upright, as its EXIF orientation says; of several frames the first counts.
- What is transparent shows white, not the colour that lies hidden under it.
- One bit, grey, palette, RGB, CMYK, YCbCr and CIE Lab become 8 bits of grey or RGB.
- Numbers deeper than 8 bits become 8 by one rule, see `jaxhash.data.images.depth.eight_bits`.

A file that cannot be read raises `Unreadable` with the reason in one line, whatever is wrong with
it and whatever its decoder raises. The format is found by the content, never by the name.
"""

import contextlib
import functools
import io
import os
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from jaxhash.data.images import signatures
from jaxhash.data.images.depth import eight_bits
from jaxhash.data.images.silence import silence

with contextlib.suppress(ImportError):  # an extra: jaxhash[heic]
    import pillow_heif

    pillow_heif.register_heif_opener()

MAX_PIXELS = 150_000_000  # width times height of a picture; 8 bits of RGB take 450 MB
TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
MODES = {1: "L", 3: "RGB"}
GAP = 2  # a reduced JPEG is at least so many times as large as wanted
REASON_LENGTH = 120


Source = bytes | BinaryIO | Path
Shape = tuple[int, int, int]


class Unreadable(Exception):
    """A picture that cannot be read; the message says why in one line, without naming the file."""


class UnknownFormat(Unreadable):
    """It is no picture, or one of a format that is not read."""


class TooLarge(Unreadable):
    """It has more pixels than are decoded."""


class Damaged(Unreadable):
    """It is empty, cut off, or not what its format asks for."""


@functools.cache
def formats() -> tuple[str, ...]:
    """Lists the formats that are read, by Pillow's names.

    AVIF where the installed Pillow has it, HEIF (HEIC) where pillow-heif is installed.

    >>> {"JPEG", "PNG", "TIFF"} <= set(formats())
    True
    """
    Image.init()
    known = [name for name in signatures.FORMATS if name in Image.OPEN]
    without = {name for name in ("AVIF", "WEBP") if not features.check(name.lower())}
    return tuple(name for name in known if name not in without)


def names() -> str:
    """Lists the formats that are read as people call them.

    >>> names().startswith("JPEG, PNG, ")
    True
    """
    *first, last = (signatures.FORMATS[name] for name in formats())
    return f"{', '.join(first)} or {last}"


def read(source: Source, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes a picture of any mode to 8 bits: mode RGB, or L where it has no colour.

    Args:
      source: the content of a file, a file that is open for reading with `seek`, or its path.
      max_pixels: width times height; a larger picture is refused by its header, before it is
        decoded.

    Raises:
      Unreadable: it is an `UnknownFormat`, `TooLarge` or `Damaged`.
      OSError: the path cannot be opened.

    >>> png = io.BytesIO()
    >>> Image.new("LA", (3, 2), (7, 0)).save(png, "PNG")  # wholly transparent
    >>> picture = read(png.getvalue())
    >>> picture.mode, picture.size, picture.getpixel((0, 0))
    ('RGB', (3, 2), (255, 255, 255))
    """
    return _from(source, max_pixels, None)


def dimensions(path: Path) -> tuple[int, int]:
    """Reads width and height of a picture as `read` returns it, from the header of its file.

    Raises:
      Unreadable: the file is no picture, or its header is damaged.
      OSError: it cannot be opened.
    """
    _prepare_pillow()
    with _open(path) as file:
        try:
            with Image.open(file, formats=formats()) as image:
                return image.size[::-1] if _is_turned(image) else image.size
        except Exception as error:  # of any kind, see `_read`
            raise Damaged(f"the picture is damaged ({_reason(error)})") from None


def load(path: Path) -> bytes:
    """Reads a picture file without decoding it.

    Raises:
      UnknownFormat: the path is not that of a file, but of a folder, a pipe or the like.
      OSError: it cannot be opened.
    """
    with _open(path) as file:
        return file.read()


def to_array(image: Image.Image, shape: Shape) -> np.ndarray:
    """Makes what a network reads of a picture: uint8 [h w c], stretched to that size.

    Bilinear, smoothed where it shrinks (as Pillow does), without regard for proportions.

    Args:
      image: of mode RGB or L.
      shape: (h, w, c), c being 3 or 1.

    >>> to_array(Image.new("RGB", (40, 20), (9, 9, 9)), (1, 2, 1))
    array([[[9],
            [9]]], dtype=uint8)
    """
    height, width, channels = shape
    if image.mode != MODES[channels]:
        image = image.convert(MODES[channels])
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(shape)


def decode(source: Source, shape: Shape, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes a picture file to what a network reads of it, uint8 [h w c].

    The result is that of `read`, then `to_array`; but a JPEG of grey or RGB that is large enough is
    decoded at a half, a quarter or an eighth of its size, no smaller than twice the wanted one (by
    the inverse DCT of libjpeg). That takes half the time at 12 megapixels and 224 px. Of
    photographs no number differs by more than 2 of 255; of stripes as fine as pixels, by up to 12.

    Args:
      source: see `read`.
      shape: (h, w, c), c being 3 or 1.
      max_pixels: see `read`.

    Raises:
      Unreadable, OSError: as `read` does.

    >>> jpeg = io.BytesIO()
    >>> Image.new("RGB", (640, 480), (9, 9, 9)).save(jpeg, "JPEG")
    >>> decode(jpeg, (1, 2, 1)).tolist()
    [[[9], [9]]]
    """
    return to_array(_from(source, max_pixels, shape), shape)


def _prepare_pillow() -> None:
    """Silences Pillow, and has it doubt only pictures that are far too large for us.

    Its warning of a large picture cannot be relied on to stay silenced: other threads that use
    `warnings.catch_warnings`, as JAX does, restore older filters. Pictures up to twice our limit
    are refused by our own check alone, which can say their size.
    """
    silence()
    if Image.MAX_IMAGE_PIXELS is not None and Image.MAX_IMAGE_PIXELS < 2 * MAX_PIXELS:
        Image.MAX_IMAGE_PIXELS = 2 * MAX_PIXELS


def _open(path: Path) -> BinaryIO:
    if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for ever
        raise UnknownFormat("it is not a file")
    try:
        return path.open("rb")
    except ValueError:
        raise UnknownFormat("its path holds a null character, as no file's does") from None


def _from(source: Source, max_pixels: int, shape: Shape | None) -> Image.Image:
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), max_pixels, shape)
    if isinstance(source, Path):
        with _open(source) as file:
            return _read(file, max_pixels, shape)
    return _read(source, max_pixels, shape)


def _read(file: BinaryIO, max_pixels: int, shape: Shape | None) -> Image.Image:
    """Decodes a picture; a large JPEG to `shape`, see `decode`, where one is given."""
    _prepare_pillow()
    start = b""
    try:
        file.seek(0)
        start = file.read(signatures.LENGTH)
        file.seek(0)
        if not start:
            raise Damaged(f"it is empty (0 bytes): expected a picture as {names()}")
        with Image.open(file, formats=formats()) as image:
            _check_size(image, max_pixels)
            loaded = image if shape is None else _reduced(image, shape)
            loaded.load()
            with contextlib.suppress(Exception):  # damaged EXIF data: as it lies
                ImageOps.exif_transpose(loaded, in_place=True)
            picture = eight_bits(loaded)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise _unidentified(start) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLarge(f"the picture has more than {_mega(max_pixels)} megapixels") from None
    # Decoders meet hostile data here, and each has its own exceptions for what it cannot make sense
    # of: OSError, ValueError, SyntaxError, RuntimeError, struct.error, IndexError, MemoryError, ...
    except Exception as error:
        raise Damaged(f"the picture is damaged ({_reason(error)})") from None
    picture.info = {}  # comments and the like would be saved with it again
    return picture


def _reduced(image: Image.Image, shape: Shape) -> Image.Image:
    """Decodes a large JPEG at a part of its size, and resizes it; returns others as they are."""
    height, width, _ = shape
    if _is_turned(image):
        height, width = width, height
    if image.mode not in MODES.values():
        return image
    full = image.size
    drafted = image.draft(None, (GAP * width, GAP * height))
    if drafted is None or image.size == full:
        return image
    # The last row and column of the reduced picture may lie partly outside the picture: the box.
    return image.resize((width, height), Image.Resampling.BILINEAR, box=drafted[1])


def _is_turned(image: Image.Image) -> bool:
    with contextlib.suppress(Exception):  # damaged EXIF data: as it lies
        return image.getexif().get(ExifTags.Base.Orientation) in TURNED
    return False


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        size = f"{image.width} x {image.height} pixels"
        raise TooLarge(f"the picture has {size}: at most {_mega(max_pixels)} megapixels")


def _unidentified(start: bytes) -> Unreadable:
    """Says why Pillow finds no format for a file that begins with these bytes."""
    known = signatures.find(start)
    if known is None:
        return UnknownFormat(f"it is not a picture of a known format: expected {names()}")
    name = signatures.FORMATS[known]
    if known in formats():
        return Damaged(f"the picture is damaged, or {name} of a kind that is not read")
    if known == "HEIF":
        return UnknownFormat("it is HEIC, which needs an extra: pip install 'jaxhash[heic]'")
    return UnknownFormat(f"it is {name}, which the installed Pillow does not read")


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:g}"


def _reason(error: Exception) -> str:
    text = re.sub(r"<[^<>]* object at 0x[0-9a-f]+>", "the file", str(error))
    return " ".join(text.split())[:REASON_LENGTH] or type(error).__name__
