"""Pictures from anywhere: raster formats alone, refused before they can do harm.

The content decides what a picture is; its name is a label and never read.
"""

import contextlib
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000
ACCEPTED = "expected a picture as JPEG, PNG, WebP, BMP, GIF or TIFF"


class Refused(Exception):
    """A picture that is not taken.

    status: what HTTP calls the reason. The message is one line for the person who sent it.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def read(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads a picture: upright as its EXIF data say, its first frame, RGB or L.

    Args:
      file: open for reading, with `seek`.
      max_pixels: a larger picture is refused by its header, before it is decoded.

    Raises:
      Refused: it is empty, no raster picture, too large, or damaged.
    """
    if not file.read(1):
        raise Refused(400, f"it is empty (0 bytes): {ACCEPTED}")
    file.seek(0)
    # Decoders meet hostile data here, and each has its own exceptions for what it cannot make sense
    # of (OSError, ValueError, SyntaxError, struct.error, IndexError, ...).
    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise Refused(415, f"it is not a picture of a known format: {ACCEPTED}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(413, f"the picture has more than {_mega(max_pixels)} megapixels") from None
    except Exception as error:
        raise Refused(400, f"the picture is damaged ({_reason(error)})") from None
    with image:
        if image.width * image.height > max_pixels:
            size = f"{image.width} x {image.height} pixels"
            raise Refused(413, f"the picture has {size}: at most {_mega(max_pixels)} megapixels")
        try:
            image.load()
            with contextlib.suppress(Exception):  # damaged EXIF data: as it lies
                ImageOps.exif_transpose(image, in_place=True)
            pixels = in_eight_bits(image)
            pixels.info.clear()  # comments and the like would be saved with them again
            return pixels
        except Exception as error:
            raise Refused(400, f"the picture is damaged ({_reason(error)})") from None


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Converts a picture of any mode to RGB, or to L where it has no colour.

    16 bits keep their upper eight; wider numbers, which have no agreed white, are stretched from
    the darkest to the brightest; what is transparent shows white.

    >>> in_eight_bits(Image.new("CMYK", (1, 1), (0, 255, 255, 0))).getpixel((0, 0))
    (255, 0, 0)
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float64), posinf=0.0, neginf=0.0)
        low, span = values.min(), np.ptp(values) or 1.0
        return Image.fromarray(((values - low) / span * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def prepare(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Makes what a network reads of a picture: uint8 [size size channels], stretched to a square.

    >>> prepare(Image.new("RGB", (40, 20)), 8, 1).shape
    (8, 8, 1)
    """
    picture = image.convert("RGB" if channels == 3 else "L")
    square = picture.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(square).reshape(size, size, channels)


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:g}"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
