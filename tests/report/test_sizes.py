"""Parameters and FLOPs: against counts by hand, and against what the documentation prints."""

from pathlib import Path

import numpy as np
import pytest

from jaxhash import config as configs
from jaxhash.report import sizes

ROOT = Path(__file__).parents[2]


def test_dah_has_the_parameters_of_a_count_by_hand():
    """Layer by layer: 1x1, 3x3 depthwise, 1x1 and 1x1 kernels, and two numbers a normalisation."""
    backbone, channels = 3 * 3 * 3 * 64 + 2 * 64, 64
    for middle in (64, 128, 256):
        for block in range(3):
            out = 4 * middle
            backbone += channels * middle + 9 * middle + middle * middle + middle * out
            backbone += 2 * middle + 2 * middle + 2 * out
            if block == 0:
                backbone += channels * out + 2 * out
            channels = out
    attention = 0
    for c in (256, 512, 1024):
        attention += c * (c // 16) + c // 16 + (c // 16) * c + c + 2 * 49 + 2
    head = 1024 * 48 + 48 + 48 * 10 + 10
    size = sizes.measure(configs.load(str(ROOT / "configs" / "dah.py")))
    assert (size.parameters, size.attention) == (backbone + attention + head, attention)
    assert size.parameters == 3_075_638


def products(size, side, stride, padding, channels, out):
    """Multiplications of a convolution, without those by padding."""
    inside = sum(
        0 <= stride * position + tap - padding < size
        for position in range((size + 2 * padding - side) // stride + 1)
        for tap in range(side)
    )
    return inside**2 * channels * out


def test_flops_are_those_of_the_products():
    """ResNet18 layer by layer; what is left to XLA are sums, normalisations and maxima."""
    count = products(224, 7, 2, 3, 3, 64)
    size, channels = 56, 64
    for out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        count += products(size, 3, stride, 1, channels, out)
        if stride == 2:
            count += products(size, 1, 2, 0, channels, out)
        size, channels = size // stride, out
        count += 3 * products(size, 3, 1, 1, out, out)
    config = configs.load(str(ROOT / "configs" / "dhida.py:row=R"))
    np.testing.assert_allclose(sizes.measure(config).flops, 2 * count, rtol=0.01)


@pytest.mark.parametrize("name", ["adh", "dah", "dhida", "hrmpa", "triplet_greedy"])
def test_the_documentation_prints_what_the_command_prints(name):
    *counts, flops = cells(sizes.table([f"configs/{name}.py"]).splitlines()[-1])
    lines = (ROOT / "docs" / "status.md").read_text().splitlines()
    printed = next(line for line in lines if line.startswith(f"| `configs/{name}.py` | "))
    *printed_counts, printed_flops = cells(printed)
    assert counts == printed_counts
    # XLA's count of what is not a product differs a little from version to version.
    np.testing.assert_allclose(float(flops), float(printed_flops), rtol=0.02)


def cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")]
