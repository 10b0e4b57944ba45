"""Uploads: the status and the reason of what is refused; `tests/data/images` tests the decoder."""

import io

import pytest
from PIL import Image

from jaxhash.search.service import uploads
from tests.data.images.files import SVG, png_header, saved
from tests.search.small import picture


def read(data, **options):
    return uploads.read(io.BytesIO(data), **options)


@pytest.mark.parametrize(
    "data, status, said",
    [
        (b"", 400, "empty"),
        (b"hello", 415, "expected JPEG"),
        (SVG, 415, "expected JPEG"),
        (b"%PDF-1.7\n", 415, "expected JPEG"),
        (saved(picture(0), "ICO"), 415, "expected JPEG"),
        (saved(picture(0), "JPEG")[:400], 400, "damaged"),
        (saved(picture(0), "PNG")[:-100], 400, "damaged"),
        (saved(picture(0), "TIFF")[:200], 400, "damaged"),
        (saved(picture(0), "GIF")[:-100], 400, "damaged"),
        (png_header(13_000, 12_000), 413, "13000 x 12000 pixels: at most 150 megapixels"),
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


def test_the_services_own_limit_counts():
    assert read(saved(picture(0, (40, 10))), max_pixels=400).size == (40, 10)
    with pytest.raises(uploads.Refused, match="41 x 10 pixels: at most 0.0004 megapixels"):
        read(saved(picture(0, (41, 10))), max_pixels=400)
