"""Picture files of every format, mode and orientation, whole and damaged."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
ORIENTATION = 0x0112
RAMP = np.linspace(0, 1, 24 * 16).reshape(16, 24)  # from black to white, in rows


def saved(image, format="PNG", **options):
    """The content of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def colours(size=(24, 16), seed=0):
    """Smooth noise in RGB."""
    rough = np.random.RandomState(seed).randint(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BILINEAR)


def numbers(dtype, white):
    """A picture of one deep channel, from 0 to `white`."""
    return Image.fromarray((RAMP * white).round().astype(dtype))


def big_endian(image):
    """The same numbers in mode I;16B."""
    return Image.frombytes("I;16B", image.size, np.asarray(image).astype(">u2").tobytes())


def palette(image, clear):
    """A palette of 16 colours, of which the second is transparent if `clear`."""
    reduced = image.quantize(16)
    return saved(reduced, "PNG", **({"transparency": 1} if clear else {}))


def with_alpha(image):
    """Transparent at the left, opaque at the right."""
    alpha = np.broadcast_to(np.linspace(0, 255, image.width), image.size[::-1]).astype(np.uint8)
    image = image.copy()
    image.putalpha(Image.fromarray(alpha))
    return image


def lab(image):
    """The bytes of an RGB picture, read as CIE Lab."""
    return Image.frombytes("LAB", image.size, image.tobytes())


def modes():
    """The content of a file for each mode that files have, by the mode's name."""
    image, deep = colours(), numbers(np.uint16, 65535)
    return {
        "1": saved(image.convert("1")),
        "L": saved(image.convert("L")),
        "LA": saved(with_alpha(image.convert("L"))),
        "P": palette(image, clear=False),
        "P transparent": palette(image, clear=True),
        "GIF transparent": saved(image.quantize(16), "GIF", transparency=1),
        "L transparent": saved(image.convert("L"), transparency=100),
        "RGB": saved(image),
        "RGB transparent": saved(image, transparency=image.getpixel((0, 0))),
        "RGBA": saved(with_alpha(image)),
        "CMYK": saved(image.convert("CMYK"), "JPEG"),
        "CMYK TIFF": saved(image.convert("CMYK"), "TIFF"),
        "YCbCr": saved(image.convert("YCbCr"), "TIFF"),
        "LAB": saved(lab(image), "TIFF"),
        "I": saved(numbers(np.int32, 70_000), "TIFF"),
        "I negative": saved(Image.fromarray(np.asarray(numbers(np.int32, 900)) - 300), "TIFF"),
        "I;16": saved(deep),
        "I;16 TIFF": saved(deep, "TIFF"),
        "I;16B": saved(big_endian(deep), "TIFF"),
        "F": saved(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
        "F beyond 1": saved(Image.fromarray((RAMP * 7.5 - 2).astype(np.float32)), "TIFF"),
    }


def oriented(number, format="JPEG"):
    """A picture whose EXIF data say that the camera was held in one of eight ways."""
    exif = Image.Exif()
    exif[ORIENTATION] = number
    options = {"lossless": True} if format == "WEBP" else {}
    return saved(colours(), format, exif=exif, **options)


def png_header(width, height):
    """A PNG that claims a size, and has next to no pixels."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")
