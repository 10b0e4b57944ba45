"""Formats of pictures: their names, suffixes, and first bytes."""

import os
import re
from pathlib import Path

# Raster formats that are read: Pillow's name, in the order in which they are tried, and the usual
# name. EPS and other formats that are programs are not among them.
FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "AVIF": "AVIF",
    "HEIF": "HEIC",
    "JPEG2000": "JPEG 2000",
    "BMP": "BMP",
    "GIF": "GIF",
    "TIFF": "TIFF",
    "PPM": "PPM",
}
SUFFIXES = frozenset(
    # fmt: off
    (
        ".apng",
        ".avif",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".j2c",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpc",
        ".jpe",
        ".jpeg",
        ".jpf",
        ".jpg",
        ".jpx",
        ".mpo",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    )
    # fmt: on
)
LENGTH = 32  # bytes at the start of a file that tell what it is
STARTS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF.{4}WEBP",
    "AVIF": rb".{4}ftypavi[fs]",
    "HEIF": rb".{4}ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)",
    "JPEG2000": rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  \r\n\x87\n",
    "BMP": rb"BM.{4}\x00\x00\x00\x00",
    "GIF": rb"GIF8[79]a",
    "TIFF": rb"II[*+]\x00|MM\x00[*+]",
    "PPM": rb"P[1-6]\s",
}


def find(start: bytes) -> str | None:
    """Names the format of a picture by the first bytes of its file, or None.

    >>> find(b"GIF89a...."), find(b"%PDF-1.7")
    ('GIF', None)
    """
    for name, pattern in STARTS.items():
        if re.match(pattern, start, re.DOTALL):
            return name
    return None


def is_picture(path: Path) -> bool:
    """Returns whether a file is meant to be a picture: by its suffix, or else by its first bytes.

    The suffix counts even where the content is none, so that a damaged picture is reported. Pipes
    and the like are no pictures, and not opened.

    >>> is_picture(Path(__file__))
    False
    """
    # Not Path.exists, which raises where a folder may be listed and not entered.
    if os.path.exists(path) and not os.path.isfile(path):
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return find(file.read(LENGTH)) is not None
    except (OSError, ValueError):
        return False
