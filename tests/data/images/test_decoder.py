"""The decoder: every format and mode is read as it looks, and what is none has a reason."""

import io
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from jaxhash.data.images import decoder, depth, signatures
from tests.data.images import files
from tests.data.images.files import RAMP, colours, numbers, oriented, png_header, saved

FORMATS = [name for name in signatures.FORMATS if name != "HEIF"]
TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, -1)[:, ::-1][::-1, ::-1],
    8: lambda x: np.rot90(x),
}


def array(picture):
    return np.asarray(picture, int)


def grey(content):
    picture = decoder.read(content)
    assert picture.mode == "L"
    return array(picture)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_read(format):
    if format not in decoder.formats():
        pytest.skip(f"the installed Pillow does not read {format}")
    content = saved(colours(), format)
    assert signatures.find(content[: signatures.LENGTH]) == format
    found = decoder.read(content)
    assert found.mode == "RGB" and found.size == (24, 16) and found.info == {}
    assert np.abs(array(found) - array(colours())).mean() < 12


def test_heic_is_read_where_its_extra_is_installed():
    pytest.importorskip("pillow_heif")
    content = saved(colours(), "HEIF", quality=95)
    assert signatures.find(content) == "HEIF"
    found = decoder.read(content)
    assert found.size == (24, 16) and np.abs(array(found) - array(colours())).mean() < 12
    for length in range(40, len(content), 40):
        with pytest.raises(decoder.Damaged, match="^the picture is damaged[^\n]*$"):
            decoder.read(content[:length])


def test_heic_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setattr(decoder, "formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(decoder.UnknownFormat, match="it is HEIC, .*pip install 'jaxhash.heic.'"):
        decoder.read(b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(decoder.UnknownFormat, match="it is AVIF, which the installed Pillow does"):
        decoder.read(b"\0\0\0\x18ftypavif" + bytes(99))


def test_ordinary_pictures_keep_every_bit():
    for mode in ("RGB", "L", "1", "P", "CMYK"):
        image = colours().convert(mode)
        plain = image.convert("L" if mode in ("L", "1") else "RGB")
        content = saved(image, "TIFF" if mode == "CMYK" else "PNG")
        assert np.array_equal(decoder.read(content), plain)
        for channels, name in decoder.MODES.items():
            expected = image.convert("RGB" if mode == "CMYK" else image.mode).convert(name)
            expected = expected.resize((9, 7), Image.Resampling.BILINEAR)
            found = decoder.decode(content, (7, 9, channels))
            assert np.array_equal(found, np.asarray(expected).reshape(7, 9, channels))


@pytest.mark.parametrize("bits", depth.DEPTHS)
@pytest.mark.parametrize("write", ["PNG", "TIFF", "big-endian TIFF"])
def test_a_deep_picture_looks_like_its_copy_of_8_bits(bits, write):
    deep = numbers(np.uint16, 2**bits - 1)
    copy = array(deep) >> (bits - 8)
    if write == "big-endian TIFF":
        deep = files.big_endian(deep)
    assert np.array_equal(grey(saved(deep, write.split()[-1])), copy)
    rounded = (array(deep) * 255 / (2**bits - 1)).round()  # how other programs make the copy
    assert np.abs(copy - rounded).max() <= 1


@pytest.mark.parametrize("used", [3, 8, 9, 10, 11, 12, 13, 14, 15, 16])
def test_no_depth_becomes_nearly_black(used):
    pixels = grey(saved(numbers(np.uint16, 2**used - 1)))
    assert pixels.max() >= (127 if used >= 8 else 2**used - 1)


def test_wide_numbers():
    def read(values, dtype):
        return grey(saved(Image.fromarray(np.array([values], dtype)), "TIFF"))[0].tolist()

    assert read([0, 4096, 65535], np.int32) == [0, 16, 255]
    assert read([0, 70_000, 131_071], np.int32) == [0, 136, 255]
    assert read([-1024, 0, 3071], np.int32) == [0, 64, 255]
    assert read([0.0, 0.5, 1.0], np.float32) == [0, 128, 255]
    assert read([0.0, 100.0, 255.0], np.float32) == [0, 100, 255]
    assert read([0.0, 16.0, 4095.0], np.float32) == [0, 1, 255]
    assert read([-1.0, 0.0, 1.0], np.float32) == [0, 128, 255]
    assert read([0.25, 1.5, 2.75], np.float32) == [0, 128, 255]
    assert read([np.nan, np.inf, 1.0], np.float32) == [0, 0, 255]
    assert read([-5.5, -5.5], np.float32) == [0, 0]


def test_fractions_look_like_their_copy_of_8_bits():
    content = saved(Image.fromarray(RAMP.astype(np.float32)), "TIFF")
    assert np.array_equal(grey(content), (RAMP * 255).round())


def test_the_colour_of_cmyk_and_one_bit():
    assert decoder.read(saved(Image.new("1", (1, 1), 1), "PNG")).getpixel((0, 0)) == 255
    cmyk = decoder.read(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100))
    assert np.abs(np.subtract(cmyk.getpixel((4, 4)), (255, 0, 0))).max() < 6


def test_what_is_transparent_shows_white():
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert decoder.read(saved(clear)).getpixel((0, 0)) == (255, 255, 255)
    assert decoder.read(saved(Image.new("LA", (2, 2), (9, 0)))).getpixel((0, 0)) == (255,) * 3
    palette = saved(Image.new("P", (2, 2), 0), "GIF", transparency=0)
    assert decoder.read(palette).getpixel((0, 0)) == (255, 255, 255)
    half = decoder.read(saved(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))).getpixel((0, 0))
    assert np.abs(np.subtract(half, 127)).max() <= 1
    deep = Image.fromarray(np.array([[7, 65535, 20000]], np.uint16))
    assert grey(saved(deep, transparency=7)).tolist() == [[255, 255, 78]]


@pytest.mark.parametrize("number", TURNS)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_it_stands_upright_as_the_camera_was_held(number, format):
    if format not in decoder.formats():
        pytest.skip(f"the installed Pillow does not read {format}")
    lying = array(decoder.read(oriented(1, format)))
    found = array(decoder.read(oriented(number, format)))
    expected = TURNS[number](lying)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < (2 if format in ("JPEG", "AVIF") else 1e-9)


def test_damaged_exif_data_leave_it_as_it_lies():
    content = saved(colours(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff\x01\x12")
    assert decoder.read(content).size == (24, 16)


def test_the_first_frame_of_several_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for format in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO"):
        if format not in (*decoder.formats(), "MPO"):
            continue
        data = saved(frames[0], format, save_all=True, append_images=frames[1:])
        r, g, b = decoder.read(data).getpixel((4, 4))
        assert r > 240 and g < 15 and b < 15, format


@pytest.mark.parametrize("format", FORMATS)
def test_damage_of_any_kind_is_a_reason_in_one_line(format):
    """Cut anywhere, or with any byte changed: it is read, or there is a reason."""
    if format not in decoder.formats():
        pytest.skip(f"the installed Pillow does not read {format}")
    content, random = saved(colours(), format), np.random.RandomState(0)
    reasons = set()
    for trial in range(120):
        damaged = bytearray(content)
        if trial % 2:
            del damaged[random.randint(0, len(damaged)) :]
        for place in random.randint(0, max(len(damaged), 1), 4 * (1 - trial % 2)):
            damaged[place] = random.randint(0, 256)
        try:
            assert decoder.read(bytes(damaged)).mode in ("RGB", "L")
        except decoder.Unreadable as error:
            reasons.add(str(error))
    assert reasons and not any("\n" in reason or " at 0x" in reason for reason in reasons)
    assert max(map(len, reasons)) < 200


@given(st.binary(max_size=60), st.sampled_from(["", *FORMATS]))
def test_any_bytes_are_a_picture_or_a_reason(content, format):
    start = saved(colours(), format)[:12] if format in decoder.formats() else b""
    try:
        assert decoder.read(start + content).mode in ("RGB", "L")
    except decoder.Unreadable as error:
        assert "\n" not in str(error)


def test_whatever_a_decoder_raises_is_a_reason(monkeypatch):
    content = saved(colours(), "BMP")
    for raised in (RuntimeError("a\nb"), MemoryError(), IndexError(), OSError(None)):
        monkeypatch.setattr(Image.Image, "load", lambda self, raised=raised: _raise(raised))
        with pytest.raises(decoder.Damaged, match=r"^the picture is damaged \([^\n]+\)$"):
            decoder.read(content)


def _raise(error):
    raise error


def test_what_is_no_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png"):
        for use in (decoder.read, decoder.load):
            with pytest.raises(decoder.UnknownFormat, match="not a file"):
                use(path)
    with pytest.raises(FileNotFoundError):
        decoder.read(tmp_path / "nowhere.png")


def test_a_path_a_file_and_bytes_are_read_alike(tmp_path):
    content = saved(colours())
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as file:
        pictures = [decoder.read(source) for source in (content, file, tmp_path / "a")]
    assert len({picture.tobytes() for picture in pictures}) == 1


@pytest.mark.parametrize("size", [(640, 480), (641, 481), (1003, 243)])
@pytest.mark.parametrize("number", TURNS)
def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(size, number, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        decoder, "eight_bits", lambda x: sizes.append(x.size) or depth.eight_bits(x)
    )
    image = colours(size)
    exif = Image.Exif()
    exif[files.ORIENTATION] = number
    for kind in (image, image.convert("L")):
        content = saved(kind, "JPEG", quality=95, exif=exif)
        for shape in ((32, 32, 3), (20, 60, 1)):
            expected = decoder.to_array(decoder.read(content), shape)
            sizes.clear()
            found = decoder.decode(content, shape)
            assert sizes == [(shape[1], shape[0])]
            assert np.abs(found.astype(int) - expected).max() <= 2
            # Rounding: an offset by a part of a pixel would show here.
            assert np.abs(found.astype(int) - expected).mean() < 0.3


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_others_are_decoded_in_full(format):
    for image in (colours((63, 80)), colours((640, 480)).convert("CMYK")):
        if image.mode == "CMYK" and format != "JPEG":
            continue
        content = saved(image, format)
        expected = decoder.to_array(decoder.read(content), (32, 32, 3))
        assert np.array_equal(decoder.decode(content, (32, 32, 3)), expected)


def test_damage_of_a_large_jpeg_is_a_reason_in_one_line():
    content = saved(colours((640, 480)), "JPEG")
    with pytest.raises(decoder.Damaged, match="^the picture is damaged[^\n]*$"):
        decoder.decode(content[: len(content) // 2], (32, 32, 3))
    with pytest.raises(decoder.TooLarge, match="640 x 480 pixels"):
        decoder.decode(content, (32, 32, 3), max_pixels=1000)


def test_upright_and_in_eight_bits_it_is_what_pillow_shows():
    """A photograph as cameras write it: the same as by the documented calls of Pillow."""
    with Image.open(io.BytesIO(oriented(6))) as image:
        expected = ImageOps.exif_transpose(image)
    assert np.array_equal(decoder.read(oriented(6)), expected)


WARNS = """
import io, sys
from PIL import Image
from jaxhash.data.images import decoder
Image.MAX_IMAGE_PIXELS = 100  # above it Pillow warns
decoder.MAX_PIXELS = 100  # else the decoder would raise Pillow's limit
content = io.BytesIO()
Image.new("L", (15, 14), 7).save(content, "PNG")  # more than twice that
print(decoder.read(content.getvalue()).getpixel((0, 0)))
"""


def test_warnings_of_pillow_do_not_reach_the_terminal():
    command = [sys.executable, "-W", "always::Warning:PIL.Image", "-c", WARNS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("7\n", "")


def test_pillow_doubts_no_picture_that_is_small_enough(monkeypatch, tmp_path):
    # As if another thread had restored filters of warnings that are errors.
    monkeypatch.setattr(decoder, "silence", lambda: None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 89_478_485)  # Pillow's own
    Image.new("1", (10_000, 9_500)).save(tmp_path / "large.png")
    assert decoder.dimensions(tmp_path / "large.png") == (10_000, 9_500)
    assert decoder.read(tmp_path / "large.png").size == (10_000, 9_500)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # a user's own choice stays
    decoder.read(saved(colours()))
    assert Image.MAX_IMAGE_PIXELS is None


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(13_000, 12_000, "13000 x 12000 pixels"), (20_000, 20_000, "150 megapixels")],
)
def test_a_picture_that_is_too_large_is_said_to_be_so_whatever_becomes_of_warnings(
    width, height, said, monkeypatch
):
    """As where another thread restores the filters of warnings between silence and opening."""
    monkeypatch.setattr(decoder, "silence", lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(decoder.TooLarge, match=said):
            decoder.read(png_header(width, height))


def test_other_warnings_are_still_seen():
    decoder.read(saved(colours()))
    with pytest.warns(UserWarning, match="of somebody else"):
        warnings.warn("of somebody else", stacklevel=1)
