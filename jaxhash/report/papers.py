"""Figures of the papers, to show beside our own results: mean average precision on CIFAR-10.

None of them says how ties are broken, and each has its own protocol and weights, so that the figure
beside a run at a small scale is a landmark and not a comparison.
"""

FIGURES = {
    # DHIDA, tables 2 and 4: 5,000 training images, 1,000 queries; ImageNet weights, 224 px.
    ("dhida", 16): 0.8213,
    ("dhida", 32): 0.8359,
    ("dhida", 48): 0.8420,
    ("dhida", 64): 0.8428,
    ("dhida-d", 16): 0.8076,
    ("dhida-r", 16): 0.8021,
    ("dhida-i", 16): 0.7641,
    ("dhida-a", 16): 0.7240,
    # DAH, table 2 and section IV-C: the official split, from random weights, 32 px.
    ("dah", 12): 0.9251,
    ("dah", 24): 0.9219,
    ("dah", 36): 0.9267,
    ("dah", 48): 0.9231,
    ("dah-none", 12): 0.9208,
    ("dah-none", 24): 0.9206,
    ("dah-none", 36): 0.9235,
    ("dah-none", 48): 0.9189,
    # HRMPA, abstract: split and weights not named.
    ("hrmpa", 16): 0.9873,
    # ADH's abstract has .768, at a length that it does not name.
}
SCALES = ("-tiny", "-small")


def figure(name: str, bits: int) -> float | None:
    """Returns the figure in a system's paper, or None.

    Args:
      name: `config.name`, with or without a scale.
      bits: k.

    >>> figure("dhida-r-tiny", 16), figure("dhida", 12)
    (0.8021, None)
    """
    for scale in SCALES:
        name = name.removesuffix(scale)
    return FIGURES.get((name, bits))
