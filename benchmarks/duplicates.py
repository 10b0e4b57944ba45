"""Near-duplicates: what codes and a perceptual hash find of copies of photographs.

  pip install -e '.[bench]'
  python benchmarks/duplicates.py
  python benchmarks/duplicates.py --json=duplicates.json

60 tiles of ten photographs, and six copies of each: resized to half, recompressed as JPEG of
quality 30, a tenth cut off (a twentieth at each side), mirrored, turned by EXIF (stored on its
side, with the orientation that sets it upright), grey. A pair of a tile and its copy is to be
found, a pair of different tiles is not. `precision` counts pairs of tiles of one photograph, such
as two parts of one starry sky, as wrong; `other photographs` leaves them out. By the encoder lite0
at 256 bits, by its first 128 and 64, and by the perceptual hash of imagehash (64 bits).
"""

import argparse
import io
import json

import imagehash
import numpy as np
from photographs import TILES, tiles
from PIL import Image, ImageOps

from jaxhash.data.images import decoder
from jaxhash.encoders import ready
from jaxhash.encoders.batches import compiled
from jaxhash.metrics import hamming

KINDS = ("resized", "recompressed", "cropped", "mirrored", "turned", "grey")
SHARES = (0, 1 / 64, 2 / 64, 3 / 64, 4 / 64, 5 / 64, 6 / 64, 8 / 64, 10 / 64, 12 / 64, 16 / 64)


def copies(image: Image.Image) -> list[bytes]:
    """Makes the file of each kind of copy."""
    width, height = image.size
    inner = (width // 20, height // 20, width - width // 20, height - height // 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    return [
        _saved(image.resize((width // 2, height // 2))),
        _saved(image, quality=30),
        _saved(image.crop(inner)),
        _saved(ImageOps.mirror(image)),
        _saved(image.transpose(Image.Transpose.ROTATE_90), exif=exif),
        _saved(ImageOps.grayscale(image)),
    ]


def _saved(image: Image.Image, quality: int = 90, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, **options)
    return file.getvalue()


def main() -> None:
    """Measures, and prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", help="file to write too")
    options = parser.parse_args()
    originals = tiles()
    files = [[_saved(tile), *copies(tile)] for tile in originals]
    pictures = [decoder.read(file) for each in files for file in each]
    encode = compiled(ready.open_ready("lite0"), 64)
    codes = encode(np.stack([decoder.to_array(picture, (224, 224, 3)) for picture in pictures]))
    hashes = np.stack([np.packbits(imagehash.phash(p.convert("RGB")).hash) for p in pictures])
    rows = []
    for name, of in (
        ("lite0, 256 bits", codes),
        ("lite0, 128 bits", codes[:, :16]),
        ("lite0, 64 bits", codes[:, :8]),
        ("phash, 64 bits", hashes),
    ):
        rows += _judged(name, of.reshape(len(originals), len(KINDS) + 1, -1))
    print(f"| codes | radius | precision | other photographs | recall | {' | '.join(KINDS)} |")
    print("|" + "---|" * (5 + len(KINDS)))
    for row in rows:
        found = " | ".join(f"{row[kind]:.2f}" for kind in ("recall", *KINDS))
        precision = f"{row['precision']:.3f} | {row['other photographs']:.3f}"
        print(f"| {row['codes']} | {row['radius']} | {precision} | {found} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": rows}, file, indent=1)


def _judged(name: str, codes: np.ndarray) -> list[dict]:
    """Measures codes uint8 [tiles 1+kinds bytes] at each radius."""
    count = len(codes)
    bits = 8 * codes.shape[2]
    same = np.concatenate([hamming.distances(c[:1], c[1:]) for c in codes])  # [tiles kinds]
    flat = codes.reshape(-1, codes.shape[2])
    tile = np.repeat(np.arange(count), codes.shape[1])
    between, once = hamming.distances(flat, flat), np.triu(tile[:, None] != tile)
    photograph = tile // TILES
    other = between[once & (photograph[:, None] != photograph)]
    different = between[once]
    rows = []
    for share in SHARES:
        radius = round(share * bits)
        found, wrong = int((same <= radius).sum()), int((different <= radius).sum())
        far = int((other <= radius).sum())
        rows.append(
            {
                "codes": name,
                "radius": radius,
                "precision": found / max(found + wrong, 1),
                "other photographs": found / max(found + far, 1),
                "recall": found / same.size,
                **dict(zip(KINDS, (same <= radius).mean(axis=0).tolist(), strict=True)),
            }
        )
    return rows


if __name__ == "__main__":
    main()
