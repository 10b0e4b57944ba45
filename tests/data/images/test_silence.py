"""What decoders print of odd files stays off the terminal."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

ROOT = Path(__file__).parents[3]
PLAIN = """
for path in paths:
    try:
        Image.open(path).load()
    except OSError as error:
        print(error)
"""
OURS = """
from concurrent.futures import ThreadPoolExecutor
from jaxhash.data.images import decoder
def read(path):
    try:
        return decoder.read(path).size
    except decoder.Unreadable as error:
        return error
with ThreadPoolExecutor(4) as threads:
    print(*threads.map(read, paths * 4), sep="\\n")
"""


@pytest.fixture
def odd(tmp_path):
    """A damaged TIFF that libtiff decodes; and a picture that Pillow holds for a bomb."""
    noise = np.random.RandomState(0).randint(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "damaged.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "damaged.tif").read_bytes())
    for place in range(100, 4000, 40):
        content[place] ^= 0x5A
    (tmp_path / "damaged.tif").write_bytes(content)
    Image.new("1", (10_000, 9_500)).save(tmp_path / "large.png")
    return tmp_path


def printed(program, folder):
    begin = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        f"paths = sorted(Path({str(folder)!r}).iterdir())\n"
    )
    command = [sys.executable, "-W", "default", "-c", begin + program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


@pytest.mark.skipif(not features.check("libtiff"), reason="Pillow without libtiff")
def test_libtiff_and_pillow_print_nothing(odd):
    _, without = printed(PLAIN, odd)
    assert "not yet in table" in without and "DecompressionBombWarning" in without
    told, said = printed(OURS, odd)
    assert told.count("damaged") == 4 and told.count("(10000, 9500)") == 4
    assert said == ""
