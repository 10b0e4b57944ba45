"""Pictures of any mode and depth in 8 bits: the one rule for the range of deep pictures."""

import numpy as np
from PIL import Image

DEPTHS = (8, 10, 12, 14, 16)  # bits of a number that cameras, scanners and microscopes write


def eight_bits(image: Image.Image) -> Image.Image:
    """Converts a picture of any mode to RGB, or to L where it has no colour.

    Files of one channel with more than 8 bits do not say which range their numbers use. It is found
    from the numbers themselves:

    - Integers, none below 0: the smallest of 8, 10, 12, 14 and 16 bits that holds the maximum, or
      above 16 bits the number of bits of the maximum. The upper 8 of these bits are kept. So a
      picture of 10, 12, 14 or 16 bits equals its 8-bit copy. Floats without fractions count as
      integers, unless they are within [0, 1].
    - Floats within [0, 1]: multiplied by 255, and rounded.
    - Others (fractions above 1, or numbers below 0): the minimum becomes 0 and the maximum 255,
      linearly in between. Infinities and NaN count as 0.

    A dark picture that uses only the lower bits of its depth is taken for one of a smaller depth,
    and becomes brighter. Of 16-bit colour, Pillow itself keeps the upper 8 bits.

    >>> deep = np.array([[0, 16, 4095]], np.uint16)
    >>> np.asarray(eight_bits(Image.fromarray(deep))).tolist()
    [[0, 1, 255]]
    >>> eight_bits(Image.new("CMYK", (1, 1), (0, 255, 255, 0))).getpixel((0, 0))
    (255, 0, 0)
    """
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        numbers = np.asarray(image)
        pixels = _scale(numbers)
        clear = image.info.get("transparency")  # a PNG names the number that is transparent
        if isinstance(clear, int):
            pixels[numbers == clear] = 255
        return Image.fromarray(pixels)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    plain = "L" if mode in ("1", "L") else "RGB"
    return image if mode == plain else image.convert(plain)


def _scale(numbers: np.ndarray) -> np.ndarray:
    """Scales numbers of any type to uint8, see `eight_bits`."""
    if numbers.dtype.kind == "f":
        numbers = np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if numbers.dtype.kind == "f" and low >= 0 and high <= 1:
        return (numbers * 255).round().astype(np.uint8)
    whole = numbers.dtype.kind != "f" or bool((numbers == np.trunc(numbers)).all())
    if whole and low >= 0 and high < 2**32:
        used = int(high).bit_length()
        depth = next((depth for depth in DEPTHS if depth >= used), used)
        numbers = numbers if numbers.dtype.kind in "iu" else numbers.astype(np.uint32)
        return (numbers >> (depth - 8)).astype(np.uint8)
    span = high - low or 1.0
    return ((numbers.astype(np.float64) - low) / span * 255).round().astype(np.uint8)
