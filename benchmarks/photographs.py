"""Colour photographs that scikit-image and scikit-learn ship, and cuttings of them.

For other benchmarks; needs pip install 'jaxhash[bench]'.
"""

from pathlib import Path

import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

FILES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
TILES = 6  # of a photograph


def photographs() -> dict[str, Image.Image]:
    """Reads the ten photographs, by name."""
    folders = [Path(skimage.data.__file__).parent, Path(sklearn.datasets.__file__).parent]
    paths = [folders[0] / name for name in FILES]
    paths += [folders[1] / "images" / name for name in ("china.jpg", "flower.jpg")]
    return {path.stem: Image.open(path).convert("RGB") for path in paths}


def cuttings(count: int, seed: int = 0) -> tuple[list[Image.Image], np.ndarray]:
    """Cuts random parts, of a tenth to a half of the area, half of them mirrored.

    Returns:
      `count` parts of each photograph, and the numbers of their photographs, [n].
    """
    draw = np.random.default_rng(seed)
    parts, of = [], []
    for number, image in enumerate(photographs().values()):
        for _ in range(count):
            area = draw.uniform(0.1, 0.5) * image.width * image.height
            ratio = np.exp(draw.uniform(np.log(3 / 4), np.log(4 / 3)))
            width = min(image.width, int(np.sqrt(area * ratio)))
            height = min(image.height, int(np.sqrt(area / ratio)))
            left = draw.integers(0, image.width - width + 1)
            top = draw.integers(0, image.height - height + 1)
            part = image.crop((left, top, left + width, top + height))
            if draw.random() < 0.5:
                part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            parts.append(part)
            of.append(number)
    return parts, np.array(of)


def tiles() -> list[Image.Image]:
    """Cuts each photograph into `TILES` parts that do not overlap, of one photograph in a row."""
    found = []
    for image in photographs().values():
        width, height = image.width // 3, image.height // 2
        for row in range(2):
            for column in range(3):
                left, top = column * width, row * height
                found.append(image.crop((left, top, left + width, top + height)))
    return found
