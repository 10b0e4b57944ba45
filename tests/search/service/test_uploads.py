"""Uploads: every format and mode is read as it looks, and what is none is refused in words."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxhash.search.service import uploads
from tests.search.small import picture, saved

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'


def read(data, **options):
    return uploads.read(io.BytesIO(data), **options)


def png_header(width, height):
    """A PNG that says it is of this size, and has next to no pixels."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", uploads.FORMATS)
def test_every_format_is_read(format):
    image = picture(0)
    found = read(saved(image, format))
    assert found.mode == "RGB" and found.size == image.size
    assert np.abs(np.asarray(found, int) - np.asarray(image, int)).mean() < 12


@pytest.mark.parametrize(
    "data, status, said",
    [
        (b"", 400, "empty"),
        (b"hello", 415, "expected a picture as JPEG"),
        (SVG, 415, "expected a picture as JPEG"),
        (b"%PDF-1.7\n", 415, "expected a picture as JPEG"),
        (saved(picture(0), "ICO"), 415, "expected a picture as JPEG"),
        (saved(picture(0), "JPEG")[:400], 400, "damaged"),
        (saved(picture(0), "PNG")[:-100], 400, "damaged"),
        (saved(picture(0), "TIFF")[:200], 400, "damaged"),
        (saved(picture(0), "GIF")[:-100], 400, "damaged"),
        (png_header(8000, 8000), 413, "8000 x 8000 pixels"),
        (png_header(60_000, 60_000), 413, "megapixels"),
        (png_header(90, 90), 400, "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(data, status, said):
    with pytest.raises(uploads.Refused, match=said) as refused:
        read(data)
    assert refused.value.status == status and "\n" not in str(refused.value)


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(uploads.Refused, match="5000 x 100"):
        read(png_header(5000, 100), max_pixels=400_000)


def test_the_pictures_own_limit_counts():
    assert read(saved(picture(0, (40, 10))), max_pixels=400).size == (40, 10)
    with pytest.raises(uploads.Refused, match="41 x 10 pixels: at most 0.0004 megapixels"):
        read(saved(picture(0, (41, 10))), max_pixels=400)


def test_it_stands_upright_as_the_camera_was_held():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    image = picture(0, (30, 20))
    found = read(saved(image, "JPEG", quality=100, exif=exif))
    assert found.size == (20, 30)
    turned = np.asarray(image.rotate(-90, expand=True), int)
    assert np.abs(np.asarray(found, int) - turned).mean() < 12


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = saved(frames[0], format, save_all=True, append_images=frames[1:])
        r, g, b = read(data).getpixel((4, 4))
        assert r > 240 and g < 15 and b < 15


def test_modes_become_eight_bits():
    deep = np.array([[0, 256, 32768, 65535]], np.uint16)
    assert read(saved(Image.fromarray(deep))).tobytes() == bytes([0, 1, 128, 255])
    wide = Image.fromarray(np.array([[-1.0, 0.0, 1.0]], np.float32))
    assert read(saved(wide, "TIFF")).tobytes() == bytes([0, 128, 255])
    assert read(saved(Image.new("F", (2, 1), np.nan), "TIFF")).tobytes() == bytes([0, 0])
    assert read(saved(Image.new("1", (1, 1), 1), "PNG")).getpixel((0, 0)) == 255
    cmyk = read(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100))
    assert np.abs(np.subtract(cmyk.getpixel((4, 4)), (255, 0, 0))).max() < 6


def test_what_is_transparent_shows_white():
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert read(saved(clear)).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (2, 2), 0)
    assert read(saved(palette, "GIF", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_the_network_reads_a_square_of_its_own_channels():
    square = uploads.prepare(picture(0, (50, 20)), 8, 3)
    assert square.shape == (8, 8, 3) and square.dtype == np.uint8
    assert uploads.prepare(Image.new("L", (5, 5), 7), 8, 3).tolist() == [[[7] * 3] * 8] * 8
    assert uploads.prepare(picture(0), 8, 1).shape == (8, 8, 1)
